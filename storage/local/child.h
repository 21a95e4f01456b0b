/* What a process that the engine forks does first. It works where damaged pages of the index may end it alone. */
#ifndef STORAGE_LOCAL_CHILD_H
#define STORAGE_LOCAL_CHILD_H

/* Faults end it, whatever handlers there were, and without a core; so does its parent's end. */
void child_let_faults_end(void);
/* All descriptors but 0 to 2 and *fd, which becomes 3: connections and locks of the parent would outlive their end. */
void child_keep_only(int *fd);

#endif
