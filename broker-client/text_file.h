/* A private text file that appears whole or not at all: written beside, synced, renamed. */
#ifndef TEXT_FILE_H
#define TEXT_FILE_H

#include "err.h"
#include <linux/limits.h>
#include <stdio.h>

struct text_file {
    FILE *out; /* write here; errors are found by text_file_commit */
    char dir[PATH_MAX];
    char path[PATH_MAX];
    char path_tmp[PATH_MAX];
};

/* Readable and writable by the owner only. ERR_IO. */
bool text_file_open(struct text_file *f, const char *dir, const char *name, struct err *e);
/* Ends the file in any case; false and ERR_IO: the earlier content stays. */
bool text_file_commit(struct text_file *f, struct err *e);

#endif
