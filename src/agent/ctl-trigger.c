/* The other end of run/agent.sock: `muster-agent trigger`. Files are read here, with the caller's rights. */
#include "agent/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_FAULT = 3 };
#define MEDIA_FOUND_MAX 16

static int no_agent(const struct agent_config *cfg)
{
	fprintf(stderr, "%s/agent.sock: %s; is the agent running? (muster-agent run)\n", cfg->run, strerror(errno));
	return EXIT_FAULT;
}

/* Hand it in, and say what came of it. Takes `q`. */
static int hand_in(const struct agent_config *cfg, json_t *q)
{
	int fd = ctl_dial(cfg, 10), code = EXIT_FAULT;
	json_t *answer;

	if (fd < 0) {
		json_decref(q);
		return no_agent(cfg);
	}
	answer = ctl_ask(fd, q);
	if (json_is_true(json_object_get(answer, "ok"))) {
		printf("triggered, attempt %s\n", json_string_value(json_object_get(answer, "attempt")));
		code = EXIT_DONE;
	} else if (answer) {
		json_t *e = json_object_get(answer, "error");
		const char *field = json_string_value(json_object_get(e, "field")), *text = json_string_value(json_object_get(e, "text"));

		fprintf(stderr, "refused: %s%s%s\n", field ? field : "", field && *field ? ": " : "", text ? text : "");
		code = EXIT_REFUSED;
	}
	json_decref(answer);
	return code;
}

/* So that status tells of it too, although the octets never came to the agent. */
static int refuse_bundle(const struct agent_config *cfg, const char *path, int outcome, const struct mst_diag *d)
{
	fprintf(stderr, "%s: %s: %s\n", path, bundle_text(outcome), d->text);
	return hand_in(cfg, json_pack("{s:s, s:o, s:s, s:o}", "op", "trigger", "file", status_text(path), "refused", bundle_text(outcome), "detail",
				      status_text(d->text)));
}

static int send_bundle(const struct agent_config *cfg, const char *path, struct mst_view octets)
{
	size_t cap = octets.n / 3 * 4 + 8;
	char *text = malloc(cap);
	struct mst_writer w = mst_writer_of(text, text ? cap : 0);
	int r;

	mst_put_base64(&w, octets);
	mst_put_nul(&w);
	r = w.ok ? hand_in(cfg, json_pack("{s:s, s:o, s:s}", "op", "trigger", "file", status_text(path), "bundle", text)) : EXIT_FAULT;
	free(text);
	return r;
}

static int trigger_bundle(const struct agent_config *cfg, const char *path)
{
	struct mst_diag d = { 0 };
	uint8_t *p = NULL;
	size_t n = 0;
	int r = medium_read(path, &p, &n, &d);

	if (r < 0)
		fprintf(stderr, "%s: %s\n", path, mst_fault_text(r));
	r = r > 0 ? refuse_bundle(cfg, path, r, &d) : r < 0 ? EXIT_FAULT : send_bundle(cfg, path, (struct mst_view){ p, n });
	free(p);
	return r;
}

/* So that status and operator hear of it too, although the instructions never came to the agent. Nobody waits for an agent here. */
static void unusable(const struct agent_config *cfg, const char *path, enum prov_reason why, const struct mst_diag *d)
{
	char detail[sizeof(d->field) + sizeof(d->text) + 4];
	int fd = ctl_dial(cfg, 10);

	if (fd < 0)
		return;
	snprintf(detail, sizeof(detail), "%s%s%s", d->field, d->field[0] ? ": " : "", d->text);
	json_decref(ctl_ask(fd, json_pack("{s:s, s:o, s:s, s:o}", "op", "trigger", "file", status_text(path), "unusable", prov_reason_text(why), "detail",
					  status_text(detail))));
}

/* A plain sequence: only from a place where nobody but root or the agent's user could have put it. */
static json_t *sequence_of(const struct agent_config *cfg, const char *what)
{
	uint8_t *cbor = malloc(MST_SEQ_OCTETS), *text = malloc(2 * MST_SEQ_OCTETS), *scratch = malloc(2 * MST_SEQ_OCTETS);
	struct mst_sequence *s = calloc(1, sizeof(*s));
	struct mst_arena arena = mst_arena_of(scratch, 2 * MST_SEQ_OCTETS);
	struct mst_writer w = mst_writer_of(text, 2 * MST_SEQ_OCTETS);
	char words[2 * AGENT_PATH_MAX];
	struct mst_diag d = { 0 };
	json_t *o = NULL;
	size_t n = 0;
	enum prov_reason why = PROV_INTERNAL;

	if (cbor && text && scratch && s) {
		why = agent_read_instructions(what, cbor, MST_SEQ_OCTETS, &n, &d);
		if (!why)
			why = prov_reason_of(mst_sequence_read_cbor((struct mst_view){ cbor, n }, &arena, s, &d), &d);
	}
	if (why) {
		fprintf(stderr, "%s\n", agent_file_words(words, sizeof(words), what, &d, why == PROV_INTERNAL ? MST_FAULT_MEMORY : 1));
		if (access(what, F_OK) == 0)
			unusable(cfg, what, why, &d);
	} else {
		mst_sequence_write_json(s, &w);
		o = w.ok ? mst_json_read((const char *)w.p, w.n, 0, NULL) : NULL;
	}
	free(cbor);
	free(text);
	free(scratch);
	free(s);
	return o;
}

static bool is_bundle(const struct agent_config *cfg, const char *what)
{
	struct mst_diag d = { 0 };
	uint8_t *p = NULL;
	size_t n = 0;
	bool so = medium_holds(cfg, what);

	if (!so && agent_read_file(what, MST_CMS_MAX, false, &p, &n, &d) == 0)
		so = bundle_looks_so((struct mst_view){ p, n });
	free(p);
	return so;
}

int ctl_trigger(const struct agent_config *cfg, const char *what)
{
	bool uri = what && strstr(what, "://");
	json_t *q, *sequence = NULL;

	if (what && !uri && is_bundle(cfg, what))
		return trigger_bundle(cfg, what);
	if (uri)
		sequence = json_pack("{s:i, s:[{s:s, s:s, s:s}]}", "version", 1, "instructions", "kind", "discovery", "method", "bbn",
				     "uri", what);
	else if (what)
		sequence = sequence_of(cfg, what);
	if (what && !sequence)
		return EXIT_REFUSED;
	q = json_pack("{s:s}", "op", "trigger");
	if (sequence)
		json_object_set_new(q, "sequence", sequence);
	if (sequence)
		json_object_set_new(q, "file", status_text(what));
	return hand_in(cfg, q);
}

/* Media ------------------------------------------------------------------------------------------------ */

/* The first one that is accepted ends it. EXIT_FAULT + 1: there is none. */
static int try_media(const struct agent_config *cfg, dev_t device)
{
	char *path[MEDIA_FOUND_MAX];
	size_t n = medium_find(cfg, BUNDLE_NAME, device, path, MST_COUNT(path));
	int code = EXIT_FAULT + 1;

	for (size_t i = 0; i < n; i++) {
		if (code != EXIT_DONE)
			code = trigger_bundle(cfg, path[i]);
		free(path[i]);
	}
	return code;
}

/* What is mounted changed (POLLPRI on mountinfo), or the time is over: false. */
static bool wait_for_mount(int fd, mst_ms until)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	mst_ms left = until - agent_now();

	return left > 0 && poll(&p, 1, (int)left) > 0;
}

int ctl_trigger_media(const struct agent_config *cfg, const char *device, int64_t wait_s)
{
	mst_ms until = agent_now() + wait_s * 1000;
	struct stat st = { 0 };
	int fd, code;

	if (!cfg->n_media) {
		fprintf(stderr, "%s: media: not configured; no medium is looked at\n", cfg->file);
		return EXIT_REFUSED;
	}
	if (device && (stat(device, &st) || !S_ISBLK(st.st_mode))) {
		fprintf(stderr, "%s: no block device\n", device);
		return EXIT_REFUSED;
	}
	/* opened before looking: what is mounted in between wakes us */
	fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	do
		code = try_media(cfg, st.st_rdev);
	while (code > EXIT_FAULT && fd >= 0 && wait_for_mount(fd, until));
	if (fd >= 0)
		close(fd);
	if (code <= EXIT_FAULT)
		return code;
	fprintf(stderr, "no " BUNDLE_NAME " on any medium%s%s\n", device ? " of " : "", device ? device : "");
	return EXIT_REFUSED;
}
