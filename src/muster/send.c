/* Where short messages go: settings, gammu's outbox, gammu-smsd-inject, datagrams. */
#include "send.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"
#include "send-http.h"

#define FILE_NAME "trigger.conf"

bool number_good(const char *text)
{
	size_t n = strlen(text);

	return text[0] == '+' && n >= 5 && n <= 21 && strspn(text + 1, "0123456789") == n - 1;
}

/* Settings ------------------------------------------------------------------------------------------------- */

struct settings { const char *file, *dir; const config_setting_t *group; bool good; };

static void wrong(struct settings *s, const config_setting_t *at, const char *name, const char *expected)
{
	complain("%s:%u: sms.%s: expected %s", s->file, at ? (unsigned)config_setting_source_line(at) : 1u, name, expected);
	s->good = false;
}

static void text(struct settings *s, const char *name, bool required, char *out, size_t cap, const char *expected)
{
	const config_setting_t *v = config_setting_get_member(s->group, name);
	const char *t = v ? config_setting_get_string(v) : NULL;

	out[0] = '\0';
	if (!v && !required)
		return;
	if (!t || !*t || strlen(t) >= cap)
		wrong(s, v ? v : s->group, name, expected);
	else
		snprintf(out, cap, "%s", t);
}

/* Relative to the file. */
static void path(struct settings *s, const char *name, bool required, char *out, const char *expected)
{
	char given[2048];

	text(s, name, required, given, sizeof(given), expected);
	out[0] = '\0';
	if (given[0] == '/')
		snprintf(out, 4096, "%s", given);
	else if (given[0])
		path_join(out, 4096, s->dir, given);
}

static void read_password(struct settings *s, struct sms_way *w)
{
	char file[4096], *p;
	struct stat st;
	size_t n = 0;

	path(s, "password_file", true, file, "the file that holds the gateway's password");
	if (!s->good)
		return;
	if (stat(file, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO))) {
		complain("%s: may be read or changed by others; chmod 600", file);
		s->good = false;
		return;
	}
	p = read_file(file, &n);
	while (p && n && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		p[--n] = '\0';
	if (!p || !n || n >= sizeof(w->password) || strlen(p) != n) {
		if (p)
			complain("%s: expected one line, the password", file);
		s->good = false;
	} else {
		memcpy(w->password, p, n + 1);
	}
	if (p)
		mst_wipe(p, n);
	free(p);
}

static void read_gateway(struct settings *s, struct sms_way *w)
{
	char url[1200];

	text(s, "url", true, url, sizeof(url), "the gateway, like \"http://127.0.0.1:13013/cgi-bin/sendsms\"");
	if (s->good && !http_url_split(url, w->host, sizeof(w->host), &w->port, w->path, sizeof(w->path)))
		wrong(s, config_setting_get_member(s->group, "url"), "url", "http://host[:port]/path; a gateway that speaks https wants a tunnel's end on this machine");
	text(s, "username", true, w->username, sizeof(w->username), "the gateway's user");
	text(s, "from", false, w->from, sizeof(w->from), "the sender's number or name");
	read_password(s, w);
}

static void read_form(struct settings *s, struct sms_way *w)
{
	char form[16];

	text(s, "form", false, form, sizeof(form), "text or binary");
	w->binary = strcmp(form, "binary") == 0;
	if (form[0] && !w->binary && strcmp(form, "text") != 0)
		wrong(s, config_setting_get_member(s->group, "form"), "form", "text or binary");
	if (w->binary && w->method != SMS_HTTP)
		wrong(s, config_setting_get_member(s->group, "form"), "form", "text: this way carries no 8-bit messages");
}

/* A misspelt setting is an error, not a default. */
static void known_only(struct settings *s)
{
	static const char *const known[] = { "method", "form", "outbox", "gammu_config", "url", "username", "password_file", "from" };

	for (unsigned i = 0; i < (unsigned)config_setting_length(s->group); i++) {
		const config_setting_t *e = config_setting_get_elem(s->group, i);
		size_t k = 0;

		while (k < MST_COUNT(known) && strcmp(known[k], config_setting_name(e)) != 0)
			k++;
		if (k == MST_COUNT(known))
			wrong(s, e, config_setting_name(e), "one of method, form, outbox, gammu_config, url, username, password_file, from");
	}
}

static void read_group(struct settings *s, struct sms_way *w)
{
	static const char *const methods[] = { "outbox", "inject", "http" };
	char method[16];
	size_t i = 0;

	known_only(s);
	text(s, "method", true, method, sizeof(method), "outbox, inject or http");
	while (i < MST_COUNT(methods) && strcmp(methods[i], method) != 0)
		i++;
	if (i == MST_COUNT(methods)) {
		if (method[0])
			wrong(s, config_setting_get_member(s->group, "method"), "method", "outbox, inject or http");
		return;
	}
	switch (i) {
	case 0:
		w->method = SMS_OUTBOX;
		path(s, "outbox", true, w->outbox, "the directory from which gammu-smsd sends");
		break;
	case 1:
		w->method = SMS_INJECT;
		path(s, "gammu_config", true, w->gammu_config, "gammu-smsd's configuration");
		break;
	default:
		w->method = SMS_HTTP;
		read_gateway(s, w);
	}
	read_form(s, w);
}

int sms_way_read(const struct muster *m, struct sms_way *ret_w)
{
	char file[4096];
	struct settings s = { .file = file, .dir = m->dir, .good = true };
	config_t conf;

	*ret_w = (struct sms_way){ .port = 0 };
	path_join(file, sizeof(file), m->dir, FILE_NAME);
	if (access(file, F_OK) && errno == ENOENT) {
		complain("%s: there is no such file: it says how short messages are sent (muster(1), trigger.conf); nothing was sent", file);
		return EXIT_REFUSED;
	}
	config_init(&conf);
	if (config_read_file(&conf, file) != CONFIG_TRUE) {
		complain("%s:%d: %s", file, config_error_line(&conf), config_error_text(&conf));
		s.good = false;
	} else {
		s.group = config_lookup(&conf, "sms");
		if (s.group && config_setting_is_group(s.group))
			read_group(&s, ret_w);
		else
			complain("%s: expected sms = { method = \"outbox\"; … };", file), s.good = false;
	}
	config_destroy(&conf);
	if (!s.good)
		sms_way_wipe(ret_w);
	return s.good ? EXIT_DONE : EXIT_REFUSED;
}

void sms_way_wipe(struct sms_way *w)
{
	mst_wipe(w, sizeof(*w));
}

/* gammu ------------------------------------------------------------------------------------------------------ */

/* The time in the name is when it is to be sent at the earliest; gammu-smsd reads it as local time. */
static void outbox_name(const struct sms_way *w, const char *number, const char *unique, char *out, size_t cap)
{
	time_t now = (time_t)wall_clock();
	char when[32] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y%m%d_%H%M%S", &tm);
	snprintf(out, cap, "%s/OUTC%s_00_%s_%.6s.txt", w->outbox, when, number, unique);
}

/* Written beside under a name that gammu-smsd does not look at, then renamed: it never sees half a message. */
static int into_outbox(const struct sms_way *w, const char *number, const char *text_form)
{
	char tmp[4200], name[4300];
	size_t n = strlen(text_form);
	int fd;
	bool ok;

	snprintf(tmp, sizeof(tmp), "%s/.muster-XXXXXX", w->outbox);
	fd = mkstemp(tmp);
	if (fd < 0) {
		complain("%s: %s", w->outbox, strerror(errno));
		return EXIT_FAULT;
	}
	outbox_name(w, number, tmp + strlen(tmp) - 6, name, sizeof(name));
	/* gammu-smsd may be another user's; what is in it is going to be sent over the air */
	ok = write(fd, text_form, n) == (ssize_t)n && fchmod(fd, 0644) == 0 && fsync(fd) == 0;
	ok = close(fd) == 0 && ok && rename(tmp, name) == 0;
	if (!ok) {
		complain("%s: %s", name, strerror(errno));
		unlink(tmp);
	}
	return ok ? EXIT_DONE : EXIT_FAULT;
}

static int by_inject(const struct sms_way *w, const char *number, const char *text_form)
{
	char *argv[] = { (char[]){ "gammu-smsd-inject" }, (char[]){ "-c" }, strdup(w->gammu_config), (char[]){ "TEXT" },
			 strdup(number), (char[]){ "-text" }, strdup(text_form), NULL };
	int status = -1;
	pid_t child = argv[2] && argv[4] && argv[6] ? fork() : -1;

	if (child == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[0], argv);
		complain("%s: %s (package gammu-smsd)", argv[0], strerror(errno));
		_exit(127);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	free(argv[2]);
	free(argv[4]);
	free(argv[6]);
	if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return EXIT_DONE;
	complain("gammu-smsd-inject did not take the message");
	return EXIT_FAULT;
}

int sms_send(const struct sms_way *w, const char *number, struct mst_view octets, const char *text_form)
{
	if (!w->binary && !*text_form) {
		complain("the trigger is too long for one text message; send it as 8-bit message (form = \"binary\"), or make it shorter");
		return EXIT_REFUSED;
	}
	switch (w->method) {
	case SMS_OUTBOX: return into_outbox(w, number, text_form);
	case SMS_INJECT: return by_inject(w, number, text_form);
	case SMS_HTTP: return http_sms(w, number, octets, text_form);
	}
	return EXIT_FAULT;
}

/* Datagrams -------------------------------------------------------------------------------------------------- */

static bool split_address(const char *to, char *host, size_t cap, const char **ret_port)
{
	const char *colon = strrchr(to, ':');
	size_t n = colon ? (size_t)(colon - to) : 0;
	bool brackets = n > 2 && to[0] == '[' && to[n - 1] == ']';

	if (!n || n >= cap || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) || (!brackets && memchr(to, ':', n)))
		return false;
	snprintf(host, cap, "%.*s", (int)(brackets ? n - 2 : n), brackets ? to + 1 : to);
	*ret_port = colon + 1;
	return true;
}

bool datagram_address_good(const char *to)
{
	char host[256];
	const char *port;

	return split_address(to, host, sizeof(host), &port);
}

int datagram_send(const char *to, struct mst_view octets)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *all = NULL;
	const char *port = "";
	char host[256] = "";
	bool sent = false;
	int r = split_address(to, host, sizeof(host), &port) ? getaddrinfo(host, port, &hints, &all) : EAI_NONAME;

	if (r) {
		complain("%s: %s", to, gai_strerror(r));
		return EXIT_FAULT;
	}
	for (struct addrinfo *i = all; i && !sent; i = i->ai_next) {
		int fd = socket(i->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		sent = fd >= 0 && sendto(fd, octets.p, octets.n, 0, i->ai_addr, i->ai_addrlen) == (ssize_t)octets.n;
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(all);
	if (!sent)
		complain("%s: %s", to, strerror(errno));
	return sent ? EXIT_DONE : EXIT_FAULT;
}
