/*
 * The rest of musterd, as the process of Diameter sees it, in the hands of a test: starts that process as the supervisor does,
 * and is the engine at the end of its link.
 *
 *   engine PROGRAM CONFIGURATION DUTIES
 *     < answer ID STATUS SECRET|- AT:FROM:N,…|- CONTENT       < busy ID       < reload       < drain
 *     < zh SERVER IMPI [RAND AUTS]       < zn SERVER BTID NAF UA 0|1
 *     > ready   failed WHY   peers N   exchange ID ROLE PEER OP PATH CONTENT
 *     > result END RSC XRES_N RAND AUTN HAS_INT LIFETIME IMPI KEY|- TEXT|- DETAIL
 */
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "keeper/channel.h"
#include "server/link.h"
#include "server/unit.h"

static struct {
	struct event_base *base;
	struct mst_log log;
	struct mst_link *control, *engine;
	struct mst_channel channel;
	struct mst_conf *conf;
	char *text;
	pid_t pid;
	uint64_t next;
	uint64_t open;
	enum mst_key_purpose as[64];      /* of what a fetch brings, by its number */
	enum mst_key_use use[64];         /* of what is put into the answer to an exchange, by its number */
	uint8_t b[MST_FRAME_MAX];
	char line[MST_FRAME_MAX];
	size_t n_line;
} t;

static void die(const char *what)
{
	fprintf(stderr, "engine: %s\n", what);
	if (t.pid)
		kill(t.pid, SIGKILL);
	exit(3);
}

static void must(int r, const char *what)
{
	if (r)
		die(what);
}

static void put_hex(const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", b[i]);
	if (!n)
		putchar('-');
}

static void unhex(const char *s, uint8_t *out, size_t cap, size_t *ret_n)
{
	size_t n = strcmp(s, "-") ? strlen(s) / 2 : 0;

	for (size_t i = 0; i < n && i < cap; i++) {
		unsigned x;

		must(sscanf(s + 2 * i, "%2x", &x) != 1, "no hexadecimal");
		out[i] = (uint8_t)x;
	}
	*ret_n = n;
}

static void said_wrong(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s\n", text);
}

static void send_conf(bool start)
{
	struct mst_conf_frame f = { .text = mst_view_str(t.text) };
	struct mst_writer w = mst_writer_of(t.b, sizeof(t.b));
	struct mst_diag d = { 0 };

	snprintf(f.file, sizeof(f.file), "%s", t.conf->file);
	mst_put_conf(&w, &f);
	must(mst_link_send(t.control, MST_FRAME_CONF, 0, mst_written(&w)), "conf");
	if (mst_conf_diameter_tls(t.conf)) {
		w.n = 0;
		if (mst_material_diameter(t.conf, &w, &d))
			die(d.text);
		must(mst_link_send(t.control, MST_FRAME_MATERIAL, 0, mst_written(&w)), "material");
	}
	if (!start)
		must(mst_link_send(t.control, MST_FRAME_RELOAD, 0, MST_VIEW_NONE), "reload");
}

/* --- from the process --- */

static void on_control(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	struct mst_metrics m;

	(void)owner;
	(void)fd;
	if (f->type == MST_FRAME_READY) {
		mst_link_phase(l, MST_PHASE_RUNNING);
		puts("ready");
	} else if (f->type == MST_FRAME_FAILED) {
		printf("failed %.*s\n", (int)f->payload.n, (const char *)f->payload.p);
	} else if (f->type == MST_FRAME_METRICS && mst_metrics_decode(f->payload, &m) && m.v[MST_M_DIAMETER_OPEN] != t.open) {
		t.open = m.v[MST_M_DIAMETER_OPEN];
		printf("peers %llu\n", (unsigned long long)t.open);
	}
	fflush(stdout);
}

static void on_down(void *owner, struct mst_link *l, const char *why)
{
	(void)owner;
	(void)why;
	if (l == t.control)
		event_base_loopbreak(t.base);
}

static void on_engine(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	struct mst_fetch_result r;
	struct mst_exchange x;
	struct mst_key k = { 0 };

	(void)owner;
	(void)l;
	(void)fd;
	if (f->type == MST_FRAME_EXCHANGE) {
		must(!mst_get_exchange(f->payload, &x), "exchange");
		t.use[f->id % MST_COUNT(t.use)] = x.role == MST_ROLE_HSS ? MST_USE_VECTOR : MST_USE_NAF_KEYS;
		printf("exchange %llu %s %s %s %.*s %.*s\n", (unsigned long long)f->id, mst_role_name[x.role], x.peer.cert.san[0].value,
		       x.request.op == MST_OP_CREATE ? "POST" : "GET", (int)x.request.to.n, (const char *)x.request.to.p,
		       (int)x.request.content.n, (const char *)x.request.content.p);
	} else {
		must(!mst_get_fetch_result(f->payload, &r), "result");
		printf("result %s %d %u ", mst_fetch_end_name[r.end], r.rsc, r.xres_n);
		put_hex(r.rnd, sizeof(r.rnd));
		putchar(' ');
		put_hex(r.autn, sizeof(r.autn));
		printf(" %d %lld %s ", r.has_int, (long long)r.lifetime, r.impi[0] ? r.impi : "-");
		if (r.key.n)
			must(channel_open(&t.channel, CHANNEL_TO_KEEPER, (unsigned)t.as[f->id % MST_COUNT(t.as)], mst_crypto_openssl(), (struct mst_view){ r.key.b, r.key.n }, &k), "the key is not sealed for the keeper");
		put_hex(k.b, k.n);
		printf(" %.*s %s\n", r.text.n ? (int)r.text.n : 1, r.text.n ? (const char *)r.text.p : "-", r.detail);
	}
	fflush(stdout);
}

static const struct mst_link_ops control_ops = { on_control, on_down }, engine_ops = { on_engine, on_down };

/* --- from the test --- */

static void answer(char *s)
{
	struct mst_writer w = mst_writer_of(t.b, sizeof(t.b));
	struct mst_answer_frame a = { 0 };
	unsigned long long id;
	char *word[5];
	struct mst_key k = { 0 };

	for (int i = 0; i < 4; i++)
		must(!(word[i] = strsep(&s, " ")), "too few words");
	id = strtoull(word[0], NULL, 10);
	a.rsc = atoi(word[1]);
	unhex(word[2], k.b, sizeof(k.b), &k.n);
	if (k.n)
		must(channel_seal(&t.channel, CHANNEL_FROM_KEEPER, (unsigned)t.use[id % MST_COUNT(t.use)], mst_crypto_openssl(), &k, &a.parcel.sealed), "seal");
	for (char *all = strcmp(word[3], "-") ? word[3] : NULL, *one; (one = strsep(&all, ",")); a.parcel.n_fills++) {
		unsigned at, from, n;

		must(sscanf(one, "%u:%u:%u", &at, &from, &n) != 3, "no places");
		a.parcel.fill[a.parcel.n_fills] = (struct mst_fill){ at, (uint8_t)from, (uint8_t)n };
	}
	a.content = mst_view_str(s ? s : "");
	mst_put_answer(&w, &a);
	must(mst_link_send(t.engine, MST_FRAME_ANSWER, id, mst_written(&w)), "answer");
}

static void fetch(bool zh, char *s)
{
	struct mst_fetch f = { .kind = zh ? MST_FETCH_ZH : MST_FETCH_ZN, .binding = MST_BIND_DIAMETER, .role = MST_ROLE_BSF };
	struct mst_writer w = mst_writer_of(t.b, sizeof(t.b));
	char *word[6] = { NULL };
	size_t n;

	for (int i = 0; i < 6 && s; i++)
		word[i] = strsep(&s, " ");
	must(!word[1], "too few words");
	snprintf(f.server_name, sizeof(f.server_name), "%s", word[0]);
	snprintf(zh ? f.ue_id : f.btid, zh ? sizeof(f.ue_id) : sizeof(f.btid), "%s", word[1]);
	if (zh && word[3]) {
		f.resync = true;
		unhex(word[2], f.rnd, sizeof(f.rnd), &n);
		unhex(word[3], f.auts, sizeof(f.auts), &n);
	} else if (!zh && word[4]) {
		snprintf(f.naf_fqdn, sizeof(f.naf_fqdn), "%s", word[2]);
		unhex(word[3], f.ua.b, sizeof(f.ua.b), &n);
		f.in_card_aware = word[4][0] == '1';
	}
	mst_put_fetch(&w, &f);
	t.as[++t.next % MST_COUNT(t.as)] = mst_fetch_purpose(&f);
	must(mst_link_send(t.engine, MST_FRAME_FETCH, t.next, mst_written(&w)), "fetch");
}

static void reload(void)
{
	struct mst_conf_report rep = { .line = said_wrong };
	char file[512];

	snprintf(file, sizeof(file), "%s", t.conf->file);
	t.conf = mst_conf_free(t.conf);
	free(t.text);
	must(mst_conf_load(file, &rep, &t.conf, &t.text), "configuration");
	send_conf(false);
}

static void command(char *s)
{
	uint8_t one[4] = { 0, 0, 0, 1 };

	if (!strncmp(s, "answer ", 7))
		answer(s + 7);
	else if (!strncmp(s, "busy ", 5))
		must(mst_link_send(t.engine, MST_FRAME_BUSY, strtoull(s + 5, NULL, 10), (struct mst_view){ one, 4 }), "busy");
	else if (!strncmp(s, "zh ", 3) || !strncmp(s, "zn ", 3))
		fetch(s[1] == 'h', s + 3);
	else if (!strcmp(s, "reload"))
		reload();
	else if (!strcmp(s, "drain"))
		must(mst_link_send(t.control, MST_FRAME_DRAIN, 0, MST_VIEW_NONE), "drain");
	else
		die("unknown command");
}

static void on_stdin(evutil_socket_t fd, short what, void *arg)
{
	ssize_t n = read(fd, t.line + t.n_line, sizeof(t.line) - 1 - t.n_line);
	char *end;

	(void)what;
	(void)arg;
	if (n <= 0) {
		event_base_loopbreak(t.base);
		return;
	}
	t.n_line += (size_t)n;
	t.line[t.n_line] = '\0';
	while ((end = strchr(t.line, '\n'))) {
		*end = '\0';
		command(t.line);
		t.n_line -= (size_t)(end + 1 - t.line);
		memmove(t.line, end + 1, t.n_line + 1);
	}
}

static void start(const char *program, unsigned duties)
{
	struct mst_link_config lc = { .base = t.base, .self = MST_PROC_SUPERVISOR, .peer = MST_PROC_DIAMETER, .frame_max = MST_FRAME_CONTROL_MAX,
		.queue_max = 4 * MST_FRAME_CONTROL_MAX, .log = &t.log };
	struct mst_link_config le = { .base = t.base, .self = MST_PROC_ENGINE, .peer = MST_PROC_DIAMETER, .frame_max = MST_FRAME_MAX,
		.queue_max = 32 * MST_FRAME_MAX, .log = &t.log };
	struct mst_link_frame link = { .peer = MST_PROC_ENGINE };
	struct mst_writer w = mst_writer_of(t.b, sizeof(t.b));
	int control[2], engine[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, engine), "sockets");
	t.pid = fork();
	if (!t.pid) {
		if (control[1] != 3)
			dup2(control[1], 3);
		else
			fcntl(3, F_SETFD, 0);
		close(0);
		dup2(2, 1);
		execl(program, "musterd-diameter", "--process=diameter", "--name=diameter", (char *)NULL);
		_exit(3);
	}
	close(control[1]);
	must(mst_link_socket(&lc, control[0], &control_ops, NULL, &t.control) || mst_link_socket(&le, engine[0], &engine_ops, NULL, &t.engine), "links");
	mst_link_phase(t.engine, MST_PHASE_RUNNING);
	send_conf(true);
	t.channel = (struct mst_channel){ .id = 5, .duties = duties };
	memset(t.channel.key, 7, sizeof(t.channel.key));
	mst_put_channel(&w, &t.channel);
	must(mst_link_send(t.control, MST_FRAME_CHANNEL, 0, mst_written(&w)), "channel");
	w.n = 0;
	mst_put_link(&w, &link);
	must(mst_link_send_fd(t.control, MST_FRAME_LINK, 0, mst_written(&w), engine[1]), "link");
	close(engine[1]);
	must(mst_link_send(t.control, MST_FRAME_START, 0, MST_VIEW_NONE), "start");
}

int main(int argc, char **argv)
{
	struct mst_conf_report rep = { .line = said_wrong };
	struct event *in;
	int status = 0;

	signal(SIGPIPE, SIG_IGN);
	if (argc != 4)
		die("usage: engine PROGRAM CONFIGURATION DUTIES");
	t.base = event_base_new();
	event_base_priority_init(t.base, 3);
	t.log = mst_log_of(2, false, MST_LOG_INFO, "engine");
	must(mst_conf_load(argv[2], &rep, &t.conf, &t.text), "configuration");
	start(argv[1], (unsigned)atoi(argv[3]));
	in = event_new(t.base, 0, EV_READ | EV_PERSIST, on_stdin, NULL);
	event_add(in, NULL);
	event_base_dispatch(t.base);
	event_free(in);
	(void)mst_link_free(t.control);
	(void)mst_link_free(t.engine);
	if (waitpid(t.pid, &status, 0) == t.pid)
		printf("ended %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	mst_conf_free(t.conf);
	free(t.text);
	event_base_free(t.base);
	return 0;
}
