/* From assignment entities to the days on which they count (table `assignment`). */
#ifndef TENURE_H
#define TENURE_H

#include "core.h"

/* Recomputes the rows of all assignments of a target after one of them changed. An assignment
 * ends on the day it names, where its form says so (x-exclusive) on the day before the next one of
 * its kind begins, and never before the day of the record that ends it (protocol §5). */
void tenure_settle(struct core *c, const char *target);

#endif
