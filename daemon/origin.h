/* Under which address a request reached us, as browsers see it: what they let pages of one origin do to one another
 * depends on it, and links are made with it. Host is what the client says; whoever forges it harms only itself,
 * since a browser sends the one that it shows. Pure; results are borrowed or arena memory. */
#ifndef DAEMON_ORIGIN_H
#define DAEMON_ORIGIN_H

#include "daemon/request.h"

/* The settings path_prefix and public_url; empty without. */
struct span origin_prefix(const struct request *request);
struct span origin_public_url(const struct request *request);

/* Is there a console_host, and is it this request's? Needs only the headers. */
bool origin_has_console_host(const struct request *request);

/* Is the console served here? Not where it is off, and with a console_host only there. */
bool origin_has_console(const struct request *request);

/* Must what is stored not act as a page of this origin? */
bool origin_is_sandboxed(const struct request *request);

/* "https://host/prefix", without a last slash. For virtual-host style with the bucket in it. */
struct span origin_url(struct request *request);

#endif
