#ifndef SOCKDIAG_LAB_DESCENDANTS_H
#define SOCKDIAG_LAB_DESCENDANTS_H

/* Kill and reap every descendant of the calling process, which must be a child subreaper (prctl(2)): what a
 * killed child leaves behind becomes a child in its turn. May be called in a signal handler. */
void descendants_end(void);

#endif
