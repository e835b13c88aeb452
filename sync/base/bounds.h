/* Every bound of the wire protocol and of the server, in one place. */
#ifndef BOUNDS_H
#define BOUNDS_H

#define PAYLOAD_SIZE_MAX (256u * 1024)           /* as received */
#define PAYLOAD_EXPANDED_SIZE_MAX (4096u * 1024) /* after zlib */
#define ENVELOPE_RECORDS_MAX 500                 /* records in an envelope */
#define RECORD_SIZE_MAX (64u * 1024)             /* one record, bytes of its JSON */
#define RECORD_DEPTH_MAX 16                      /* nesting of one record */
#define TEXT_SIZE_MAX 8192                  /* one text member, bytes, unless the form says less */
#define CLOCK_AHEAD_MS_MAX (10 * 60 * 1000) /* device stamp ahead of the server's clock */
#define GAPS_MAX 32                         /* ranges in a receipt's `gaps` */
#define PAGE_CHANGES_MAX 500                /* changes in a pull page */
#define PAGE_SIZE_MAX (128u * 1024)         /* a page before compression */
#define CURSOR_SIZE_MAX 256                 /* a pull cursor, ASCII bytes */
#define INTAKE_MESSAGES_MAX 2048            /* messages taken in and not yet committed */
#define INTAKE_SIZE_MAX (2u * 1024 * 1024)  /* their bytes */
#define COMMIT_RECORDS_MAX 1024             /* records in one group commit */
#define PRINCIPAL_SIZE_MAX 40               /* d-…, r-…, m-… */

#endif
