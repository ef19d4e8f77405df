/* The other end of run/agent.sock: `muster-agent status` and `muster-agent check`. */
#include "agent/agent.h"
#include "agent/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "crypto/heap.h"
#include "muster/version.h"

#define STARTING_MS 5000         /* an agent has that long to open its socket */
#define LOOK_MS 20

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_FAULT = 3, EXIT_STARTING = 4 };

static int dial_once(const struct agent_config *cfg, time_t seconds)
{
	const struct timeval limit = { .tv_sec = seconds };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, r;

	if ((size_t)snprintf(un.sun_path, sizeof(un.sun_path), "%s/agent.sock", cfg->run) >=
	    sizeof(un.sun_path))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	r = errno;
	close(fd);
	errno = r;
	return -1;
}

/* From before an agent opens its state until after it has closed it, it holds its lock. */
static bool agent_is_there(const struct agent_config *cfg)
{
	char path[AGENT_PATH_MAX + 16];
	bool held;
	int fd;

	snprintf(path, sizeof(path), "%s/agent.lock", cfg->run);
	fd = open(path, O_RDWR | O_CLOEXEC);
	held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	if (fd >= 0)
		close(fd);
	return held;
}

int ctl_dial(const struct agent_config *cfg, time_t seconds)
{
	mst_ms until = agent_now() + STARTING_MS;
	int fd, why;

	/* no socket, and somebody with the lock: it starts, or it ends */
	while ((fd = dial_once(cfg, seconds)) < 0) {
		why = errno;
		if (!agent_is_there(cfg)) {
			errno = why;
			break;
		}
		if (agent_now() >= until) {
			errno = EBUSY;
			break;
		}
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000L }, NULL);
	}
	return fd;
}

/* After ctl_dial() has failed. */
static bool starting(void)
{
	return errno == EBUSY;
}

static bool send_line(int fd, json_t *q)
{
	char *text = json_dumps(q, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0, at = 0;
	bool ok = text != NULL;

	if (text)
		text[n++] = '\n';                /* in place of the NUL */
	while (ok && at < n) {
		ssize_t w = send(fd, text + at, n - at, MSG_NOSIGNAL);

		ok = w > 0;
		at += ok ? (size_t)w : 0;
	}
	mst_heap_free(text);
	return ok;
}

/* One line, or what there was; of mst_heap_free(). */
static char *hear_line(int fd, size_t *ret_n)
{
	char *text = NULL, *more;
	size_t n = 0, room = 0;
	ssize_t got = 1;

	while (got && !(n && text[n - 1] == '\n')) {
		if (!text || n == room) {
			more = mst_heap_realloc(text, room += 4096);
			if (!more)
				break;
			text = more;
		}
		got = read(fd, text + n, room - n);
		if (got < 0 && errno != EINTR)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	*ret_n = n;
	return text;
}

json_t *ctl_ask(int fd, json_t *q)
{
	json_t *answer = NULL;
	char *text = NULL;
	size_t n = 0;

	if (send_line(fd, q))
		text = hear_line(fd, &n);
	close(fd);
	if (text)
		answer = mst_json_read(text, n, JSON_REJECT_DUPLICATES, NULL);
	mst_heap_free(text);
	json_decref(q);
	return answer;
}

static json_t *status_of_nothing(const char *state, bool running)
{
	return json_pack("{s:s, s:b, s:s, s:s, s:s, s:n, s:[], s:[], s:[], s:[], s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "version", MST_VERSION,
			 "running", running, "state", state, "attempt", "", "trigger", "", "when",
			 "reports", "steps", "attempts", "refused", "bundle", "credential", "pending", "certificate", "damage",
			 "pushed", "secureEnvironment", "born", "secretRefused");
}

static bool damaged(int r)
{
	return r != 0 && r != MST_SECENV_NONE;
}

/* Null: there is none, or it is good. */
static json_t *secret_refused(const struct agent_config *cfg, struct mst_secenv *env)
{
	struct mst_diag d = { 0 };
	struct mst_key key;
	bool sealed;
	int r = cfg->psk_file[0] ? inside_secret_read(cfg, env, mst_crypto_openssl(), &key, &sealed, &d) : 0;

	if (cfg->psk_file[0])
		mst_key_wipe(&key);
	return r ? status_text(inside_words(r, &d)) : json_null();
}

static json_t *slots_json(const struct agent_config *cfg, struct mst_secenv *env, struct mst_root_cred c[2])
{
	struct mst_diag d[2] = { 0 };
	int active = env->ops->load(env, MST_SLOT_ACTIVE, &c[0], &d[0]);
	int pending = env->ops->load(env, MST_SLOT_PENDING, &c[1], &d[1]);
	json_t *record = record_read(env), *o;

	o = json_pack("{s:s, s:b, s:s}", "version", MST_VERSION, "running", false, "state",
		      active == 0                 ? "enrolled"
		      : active == MST_SECENV_NONE ? "not-enrolled"
						  : "damaged");
	record_into(o, record);
	json_decref(record);
	json_object_set_new(o, "credential", active == 0 ? status_credential(&c[0], 0) : json_null());
	json_object_set_new(o, "pushed", json_null());
	json_object_set_new(o, "pending", pending == 0 ? status_credential(&c[1], 0) : json_null());
	json_object_set_new(o, "leaving", leave_status(env, active == 0 ? c[0].key_id : ""));
	json_object_set_new(o, "certificate", own_status(env));
	json_object_set_new(o, "managed", managed_status(env));
	json_object_set_new(o, "secureEnvironment", inside_status(cfg, mst_crypto_openssl()));
	json_object_set_new(o, "born", inside_born(cfg));
	json_object_set_new(o, "secretRefused", secret_refused(cfg, env));
	json_object_set_new(o, "damage", damaged(active)    ? status_damage(cfg, MST_SLOT_ACTIVE, &d[0], active)
					 : damaged(pending) ? status_damage(cfg, MST_SLOT_PENDING, &d[1], pending)
							    : json_null());
	return o;
}

/* Without a running agent the slots still tell what there is. */
static json_t *status_from_slots(const struct agent_config *cfg)
{
	char words[AGENT_PATH_MAX + 192];
	struct mst_root_cred *c;
	struct mst_secenv *env = NULL;
	struct mst_diag d = { 0 };
	json_t *o = NULL;
	int r;

	/* A question makes no state directory. */
	if (access(cfg->state, F_OK) && errno == ENOENT)
		return status_of_nothing("not-enrolled", false);
	c = calloc(2, sizeof(*c));
	r = c ? agent_store_open(cfg, mst_crypto_openssl(), &env, &d) : MST_FAULT_MEMORY;
	if (r) {
		agent_store_words(cfg, &d, r, words, sizeof(words));
		fprintf(stderr, "%s\n  what to do: %s\n", words, agent_store_remedy(r));
	} else {
		o = slots_json(cfg, env, c);
		env->ops->close(env);
	}
	if (c)
		mst_wipe(c, 2 * sizeof(*c));
	free(c);
	return o;
}

int ctl_status(const struct agent_config *cfg, bool json)
{
	int fd = ctl_dial(cfg, 10), code = fd < 0 && starting() ? EXIT_STARTING : EXIT_DONE;
	json_t *s = fd >= 0 ? ctl_ask(fd, json_pack("{s:s}", "op", "status"))
		    : code  ? status_of_nothing("starting", true)
			    : status_from_slots(cfg);

	if (!s && fd >= 0)
		fprintf(stderr, "%s/agent.sock: the agent does not answer\n", cfg->run);
	if (!s)
		return EXIT_FAULT;
	if (json) {
		json_dumpf(s, stdout, JSON_INDENT(2));
		fputc('\n', stdout);
	} else {
		status_print(stdout, s);
	}
	json_decref(s);
	/* An answer, not a verdict: whoever wants one asks `check`, or reads "state". */
	return code;
}

/* Without a running agent this process opens the store and asks the MAF itself. */
static json_t *check_alone(const struct agent_config *cfg)
{
	struct agent *a;
	json_t *v = NULL;

	if (access(cfg->state, F_OK) && errno == ENOENT)
		return check_verdict(&(struct mst_root_cred){ 0 }, PROV_EMPTY, "");
	a = agent_new(cfg, true);
	if (a && agent_open(a) == 0)
		v = agent_check(a);
	agent_free(a);
	return v;
}

int ctl_check(const struct agent_config *cfg, bool json)
{
	/* As long as the agent may take for it: a session and an answer, at the MAF and perhaps at the MEF. */
	int fd = ctl_dial(cfg, (time_t)(2 * (cfg->open_timeout + cfg->answer_timeout) + 5)), code;
	const char *detail, *key;
	json_t *v;

	if (fd < 0 && starting()) {
		fprintf(stderr, "%s/agent.sock: the agent is starting\n", cfg->run);
		return EXIT_STARTING;
	}
	v = fd >= 0 ? ctl_ask(fd, json_pack("{s:s}", "op", "check")) : check_alone(cfg);
	detail = json_string_value(json_object_get(v, "detail"));
	key = json_string_value(json_object_get(v, "keyID"));
	if (!v)
		return EXIT_FAULT;
	code = json_is_true(json_object_get(v, "ok")) ? EXIT_DONE : EXIT_REFUSED;
	if (json) {
		json_dumpf(v, stdout, JSON_INDENT(2));
		fputc('\n', stdout);
	} else {
		fprintf(code ? stderr : stdout, "%s%s%s: %s%s%s%s\n", key && *key ? key : "", key && *key ? ": " : "",
			json_string_value(json_object_get(v, "result")), json_string_value(json_object_get(v, "words")),
			detail && *detail ? " (" : "", detail ? detail : "", detail && *detail ? ")" : "");
	}
	json_decref(v);
	return code;
}

int ctl_page(const struct agent_config *cfg, bool json)
{
	json_t *q = json_pack("{s:s}", "op", "page"), *answer, *e;
	int fd = ctl_dial(cfg, 10), code = EXIT_REFUSED;

	if (fd < 0) {
		fprintf(stderr, "%s/agent.sock: %s; is the agent running? (muster-agent run)\n", cfg->run, strerror(errno));
		json_decref(q);
		return EXIT_FAULT;
	}
	answer = ctl_ask(fd, q);
	e = json_object_get(answer, "error");
	if (json && answer) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		fputc('\n', stdout);
	}
	if (json_is_true(json_object_get(answer, "ok"))) {
		const char *certificate = json_string_value(json_object_get(answer, "certificate"));

		code = EXIT_DONE;
		if (!json)
			printf("page     %s\ncode     %s  (once, within %lld minutes)\n",
			       json_string_value(json_object_get(answer, "url")), json_string_value(json_object_get(answer, "code")),
			       (long long)json_integer_value(json_object_get(answer, "seconds")) / 60);
		if (!json && certificate && *certificate)
			printf("SHA-256  %s\n         the browser does not know this certificate; this is what it should show\n",
			       certificate);
	} else if (answer && !json) {
		fprintf(stderr, "refused: %s %s\n", json_string_value(json_object_get(e, "field")),
			json_string_value(json_object_get(e, "text")));
	}
	json_decref(answer);
	return code;
}
