/* Tells systemd how the service is, over the socket that it names in NOTIFY_SOCKET. Any thread.
 * src: sd_notify(3), "Notes" */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

/* "READY=1", "STOPPING=1", "RELOADING=1" … Does nothing without NOTIFY_SOCKET. */
void notify_state(const char *state);

#endif
