/*
 * `muster`, the one command for people: a table of commands, one file each. Everything that touches a
 * running installation goes through the admin API; init and cert work on files.
 *
 * Exit status: 0 done, 1 refused (the answer was no), 2 usage, 3 fault.
 */
#ifndef MUSTER_MUSTER_H
#define MUSTER_MUSTER_H

#include <stdbool.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/time.h"
#include "base/writer.h"
#include "files/replace.h"
#include "jansson/read.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_FAULT = 3, EXIT_WAITS = 4 /* for a second person */ };

struct muster {
	const char *dir;         /* the installation: -C DIR, default "." or, where none is, that of musterd.service */
	char socket[4096];       /* admin socket; default DIR/run/admin.sock */
	bool units;              /* of musterd.service, which listens elsewhere: api_socket() */
	mst_ms patience;         /* --timeout: how long an exchange with the installation may take */
	const char *provider;    /* --provider: in whose name is asked; NULL = the installation's */
	bool json;
	bool quiet;              /* a command inside another one: only mistakes are said */
	bool colour;             /* stdout is a terminal and NO_COLOR is not set */
	bool terminal;           /* stderr is a terminal: progress may redraw its line */
};

struct command {
	const char *name;
	int (*run)(struct muster *m, int argc, char **argv);
	const char *usage;       /* arguments, one form a line */
	const char *help;        /* one line */
};
/* Find `argv[0]` in `table` and run it; explains itself otherwise. `prefix` is what was typed before. */
int run_command(struct muster *m, const struct command *table, size_t n, const char *prefix, int argc, char **argv);
/* "muster node: the option --cse-id needs a value" and the usage line; returns EXIT_USAGE. */
int usage_error(const struct command *c, const char *fmt, ...) MST_PRINTF(2, 3);

/* --- commands --- */
int cmd_init(struct muster *m, int argc, char **argv);
int cmd_node(struct muster *m, int argc, char **argv);
int cmd_subscription(struct muster *m, int argc, char **argv);
int cmd_rule(struct muster *m, int argc, char **argv);
int cmd_cert(struct muster *m, int argc, char **argv);
int cmd_command(struct muster *m, int argc, char **argv);
int cmd_trigger(struct muster *m, int argc, char **argv);
int cmd_bundle(struct muster *m, int argc, char **argv);
int cmd_events(struct muster *m, int argc, char **argv);
int cmd_approve(struct muster *m, int argc, char **argv);
int cmd_audit(struct muster *m, int argc, char **argv);
int cmd_keeper(struct muster *m, int argc, char **argv);
int cmd_sim(struct muster *m, int argc, char **argv);
int cmd_gba(struct muster *m, int argc, char **argv);
int cmd_status(struct muster *m, int argc, char **argv);
int cmd_doctor(struct muster *m, int argc, char **argv);
int cmd_qr(struct muster *m, int argc, char **argv);
int cmd_demo(struct muster *m, int argc, char **argv);
/* `muster audit export` and `verify`, which `muster events` has by these names, too (cmd-audit.c). */
/* The whole log, a piece at a time: EXIT_DONE with the answer of GET /v1/events/verify for all of it. */
int audit_look(struct muster *m, json_t **ret_answer);
/* Of certificates that the installation issued (cmd-est.c). */
int cert_requests(struct muster *m, int argc, char **argv);
int cert_approve(struct muster *m, int argc, char **argv);
int cert_reject(struct muster *m, int argc, char **argv);
int cert_list(struct muster *m, int argc, char **argv);
int cert_revoke_issued(struct muster *m, const char *what, int reason);
int node_import(struct muster *m, int argc, char **argv);

/* --- options: one small parser for all commands --- */
struct opt { const char *name; const char **value; bool *flag; };       /* "--name VALUE", or a flag */
/* Takes the options of `opts` out of argv; what is left are the positional arguments (count returned), or -1
 * after having explained the mistake. "--" ends the options. */
int take_options(const struct command *c, int argc, char **argv, const struct opt *opts, size_t n);

/* --- output --- */
void say(const char *fmt, ...) MST_PRINTF(1, 2);                        /* stdout, a line */
void complain(const char *fmt, ...) MST_PRINTF(1, 2);                   /* stderr: "muster: …" */
/* Says so and ends the program with EXIT_FAULT: only where nothing is half done. */
_Noreturn void out_of_memory(void);
int print_json(json_t *j);                                              /* takes j; EXIT_DONE */
enum colour { PLAIN, RED, GREEN, YELLOW, DIM, BOLD };
const char *ink(const struct muster *m, enum colour c);                 /* "" when colours are off */
/* Control characters and the like as \xNN: for texts that others wrote. */
const char *shown(const char *s);
/* A table: rows of cells, columns as wide as needed. Cells are copied. */
struct table { size_t columns, rows; char **cell; };
void table_row(struct table *t, size_t columns, const char *const *cell);
void table_print(const struct muster *m, struct table *t);              /* prints and frees; row 0 is the head */
/* Progress on stderr, redrawn on a terminal, every tenth otherwise. */
void progress(const struct muster *m, const char *what, size_t done, size_t all);
const char *text_of(const json_t *object, const char *key);             /* "" when absent or no string */
/* What was given on the command line, into a body; ends the program with EXIT_USAGE when it is no UTF-8 text, which JSON
 * cannot carry: left out silently it would be lost. */
void put_member(json_t *object, const char *key, const char *value);
/* "20261121T214500" as "2026-11-21 21:45:00"; other text unchanged. Static ring of buffers. */
const char *human_time(const char *timestamp);
void timestamp_text(mst_time t, char out[16]);
mst_time wall_clock(void);
/* A moment as people write it: 20261121T214500, 2026-11-21, "2026-11-21 21:45:00", +90d, -12h (d h m s, from now). */
bool date_from(const char *text, char out[16]);
/*
 * "90d", "12h", "30m", "60s", or P90D as the API has it. 0: none of these. A number without a unit is none: in musterd.conf it
 * would be seconds.
 */
json_int_t duration_from(const char *text);
#define DURATION_FORMS "for example 1d, 24h, 30m, 60s or P1D"
#define DATE_FORMS "2026-11-21, 20261121T214500 (UTC), or from now: +90d, -12h, +30m, +10s"
#define DATE_HELP "a date is " DATE_FORMS

/* --- admin API over the unix socket --- */
struct api;
/* Where the installation listens, or will once it runs. That of musterd.service does so outside of its directory; made by an older muster, inside. */
const char *api_socket(const struct muster *m);
/* Connects; NULL after having explained what is wrong and what to do. */
struct api *api_open(const struct muster *m);
struct api *api_close(struct api *a);
/*
 * One exchange. `body` may be NULL; it is taken. 0: *ret_body (may be NULL for none) to be json_decref'ed by the caller and
 * *ret_status; negative: explained already.
 */
int api_call(struct api *a, const char *method, const char *path, json_t *body, int *ret_status, json_t **ret_body);
/* The same for simple commands: opens, calls, explains refusals. EXIT_DONE with *ret_body, else an exit status. */
int api_ask(const struct muster *m, const char *method, const char *path, json_t *body, json_t **ret_body);
/* A list whole (or the events of a log), a page at a time, so that the store is never kept from other work for long: EXIT_DONE with {name: [...]}, else an exit status. */
int api_pages(const struct muster *m, const char *path, const char *name, json_t **ret);
/* The one node that the arguments name, or `part` of it ("/certificates"). EXIT_DONE with *ret_answer, or with NULL when it was
 * printed already, as JSON. */
int api_node(struct muster *m, int argc, char **argv, const char *part, json_t **ret_answer);
/* Does the daemon answer? Says nothing. *ret_body is its status. */
bool api_probe(const struct muster *m, mst_ms patience, json_t **ret_body);
/* An answer that says that it waits for a second person: told, EXIT_WAITS. Else EXIT_DONE. */
int api_waits(const struct muster *m, int status, json_t *answer);
/* Explains an error answer: "muster: refused (409): cseID: …"; returns EXIT_REFUSED. */
int api_explain(int status, const json_t *body);
/* Path pieces, percent-encoded: "/v1/nodes/" + id + "/revoke". `out` is "" when it does not fit. */
struct mst_writer path_start(char *out, size_t cap, const char *fixed);
void path_piece(struct mst_writer *w, const char *id);
/* "?key=value", "&key=value"; nothing for an empty value. */
void path_query(struct mst_writer *w, const char *key, const char *value);
void path_query_number(struct mst_writer *w, const char *key, int64_t value);
const char *path_end(struct mst_writer *w);                             /* NUL-terminates; "" after an overflow */

/* --- files --- */
/* Whole file; malloc'ed, NUL-terminated; NULL after having explained. "-" is stdin. */
char *read_file(const char *path, size_t *ret_n);
/* All or none, as mst_files_replace() has it. Explains failure. 0 or -1. */
int write_files(const struct mst_file *f, size_t n);
int write_file(const char *path, const void *p, size_t n, unsigned mode);
int make_dir(const char *path);                                         /* 0700, existing is fine; 0 or -1 */
char *path_join(char *out, size_t cap, const char *dir, const char *name);   /* aborts when too long */

#endif
