/*
 * Structured messages on standard error: one write(2) a message, text or JSON. Values are escaped, so a
 * peer's octets can neither forge a line nor reach a terminal. Secrets have no formatter (base/secret.h)
 * and no business here.
 */
#ifndef MST_SERVER_LOG_H
#define MST_SERVER_LOG_H

#include "base/attr.h"
#include "base/writer.h"

enum mst_log_level { MST_LOG_ERROR, MST_LOG_WARNING, MST_LOG_INFO, MST_LOG_DEBUG };

struct mst_log {
	int fd;                       /* -1: silent */
	bool json;
	enum mst_log_level level;
	char process[32];             /* "listener-mef-1" */
};

struct mst_log mst_log_of(int fd, bool json, enum mst_log_level level, const char *process);
/* `what` is a constant sentence; then key, value pairs of strings, ended by NULL. Pairs with an empty or
 * NULL value are left out. */
void mst_log(const struct mst_log *l, enum mst_log_level level, const char *what, ...)
	__attribute__((sentinel));
/* The line itself, for tests: `when` in nanoseconds since 1970. */
struct mst_log_pair { const char *key, *value; };
void mst_log_line(const struct mst_log *l, int64_t when, enum mst_log_level level, const char *what,
                  const struct mst_log_pair *pair, size_t n, struct mst_writer *w);

#endif
