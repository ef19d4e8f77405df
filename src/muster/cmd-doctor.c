/*
 * `muster doctor`: each prerequisite is looked at, and what is absent comes with what to do about it
 * (lesson 23). It changes nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cert.h"
#include "doctor.h"
#include "muster.h"
#include "muster/version.h"
#include "secenv/private.h"

void doctor_finding(struct doctor *d, bool good, const char *what, const char *detail, const char *remedy)
{
	struct muster *m = d->m;

	d->bad += !good;
	json_array_append_new(d->found, json_pack("{s:s,s:b,s:s,s:s}", "check", what, "ok", (int)good, "detail", detail, "remedy",
	                                          good ? "" : remedy));
	if (m->json)
		return;
	say("%s%s%s %s%s%s", ink(m, good ? GREEN : RED), good ? "ok  " : "BAD ", ink(m, PLAIN), what, *detail ? ": " : "", detail);
	if (!good)
		say("     %s", remedy);
}

static bool check_config(struct doctor *d)
{
	char path[4096], text[512];

	path_join(path, sizeof(path), d->m->dir, "musterd.conf");
	if (config_read_file(&d->conf, path) == CONFIG_TRUE) {
		doctor_finding(d, true, "configuration", path, "");
		return true;
	}
	if (config_error_type(&d->conf) == CONFIG_ERR_FILE_IO)
		snprintf(text, sizeof(text), "%.400s: %s", path, strerror(errno));
	else
		snprintf(text, sizeof(text), "%.300s:%d: %s", path, config_error_line(&d->conf), config_error_text(&d->conf));
	doctor_finding(d, false, "configuration", text, "give the installation with -C DIR, or make one: muster init DIR");
	return false;
}

void doctor_place(const struct doctor *d, const char *name, char *out, size_t cap)
{
	if (*name == '/')
		snprintf(out, cap, "%s", name);
	else
		path_join(out, cap, d->m->dir, name);
}

void doctor_secret_file(struct doctor *d, const char *name, const char *what, const char *remedy)
{
	char path[4096], text[4200];
	struct stat st;

	doctor_place(d, name, path, sizeof(path));
	if (stat(path, &st) < 0) {
		snprintf(text, sizeof(text), "%.4000s: %s", path, strerror(errno));
		doctor_finding(d, false, what, text, remedy);
	} else if (!mst_is_private_file(path, &st, true)) {
		snprintf(text, sizeof(text), "%.4000s may be read by others (mode %o)", path, (unsigned)st.st_mode & 0777);
		doctor_finding(d, false, what, text, "chmod 600 it, and think about who may have read it");
	} else {
		doctor_finding(d, true, what, path, "");
	}
}

void doctor_certificate(struct doctor *d, const char *name, const char *what, const char *remedy)
{
	static struct mst_cert_info info;
	char path[4096], text[400], advice[400], until[16];
	uint8_t der[MST_CERT_MAX];
	size_t n = 0;
	int64_t left;

	doctor_place(d, name, path, sizeof(path));
	if (access(path, R_OK) < 0 || cert_read(path, der, sizeof(der), &n) != EXIT_DONE ||
	    mst_cert_info((struct mst_view){ der, n }, &info, NULL) != 0) {
		doctor_finding(d, false, what, path, "the file is absent or holds no certificate of our profile");
		return;
	}
	timestamp_text(info.not_after, until);
	left = info.not_after - wall_clock();
	snprintf(text, sizeof(text), "%.200s, good until %s", info.n_san ? info.san[0].value : info.subject, human_time(until));
	snprintf(advice, sizeof(advice), "it %s; %s", left > 0 ? "ends within 30 days" : "has ended", remedy);
	doctor_finding(d, left > 30 * 86400, what, text, advice);
}

/* Is anything listening on that TCP port? Asked of the kernel: a probe would be a failed handshake in the log. */
static bool port_listens(unsigned port)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	bool found = false;
	char line[512];

	for (size_t i = 0; i < MST_COUNT(tables) && !found; i++) {
		FILE *f = fopen(tables[i], "re");

		while (f && !found && fgets(line, sizeof(line), f)) {
			/* "  0: 0100007F:20FB 00000000:0000 0A …": local address, remote address, state 0A = listening */
			char *colon = strchr(line, ':'), *port_at = colon ? strchr(colon + 1, ':') : NULL;
			char *state = port_at ? strchr(port_at, ' ') : NULL;

			state = state ? strchr(state + 1, ' ') : NULL;
			found = state && strtoul(port_at + 1, NULL, 16) == port && strtoul(state + 1, NULL, 16) == 0x0a;
		}
		if (f)
			fclose(f);
	}
	return found;
}

void doctor_port(struct doctor *d, const char *role)
{
	const config_setting_t *list;
	const char *address, *colon;
	char path[64], text[300];

	snprintf(path, sizeof(path), "%s.listen", role);
	list = config_lookup(&d->conf, path);
	address = list ? config_setting_get_string_elem(list, 0) : NULL;
	colon = address ? strrchr(address, ':') : NULL;
	if (!colon)
		return;
	snprintf(text, sizeof(text), "%s on %.200s", role, address);
	doctor_finding(d, port_listens((unsigned)strtoul(colon + 1, NULL, 10)), "listener", text,
	        "nothing listens there; is musterd running? musterd -c musterd.conf");
}

/* Where several makers are trusted, each of them can sign a name that is bound to none. */
static void check_names(struct doctor *d, const json_t *status)
{
	long long makers = json_integer_value(json_object_get(status, "makers"));
	long long wild = json_integer_value(json_object_get(status, "unboundNames"));
	char text[120];

	snprintf(text, sizeof(text), "%lld of the nodes' names are bound to no trust anchor; %lld makers' CAs are trusted", wild, makers);
	doctor_finding(d, wild == 0 || makers <= 1, "names", text,
	        "every maker's CA could sign them; bind each to its own: muster node bind NODE --anchor FILE");
}

/* How much there is, and how much room the file system of the store has for more. */
static void check_room(struct doctor *d, const json_t *status)
{
	long long events = json_integer_value(json_object_get(status, "events"));
	double mib = (double)json_integer_value(json_object_get(status, "storeOctets")) / (1 << 20), free_mib;
	char path[4096], text[160];
	struct statvfs v;

	path_join(path, sizeof(path), d->m->dir, "store");
	if (statvfs(path, &v) < 0)
		return;                 /* the store is elsewhere, and so is its room */
	free_mib = (double)v.f_bavail * (double)v.f_frsize / (1 << 20);
	snprintf(text, sizeof(text), "store %.1f MiB with %lld events in the audit log, %.0f MiB free", mib, events, free_mib);
	doctor_finding(d, free_mib > 64 && free_mib > mib / 10, "room", text,
	        "make room, or let musterd keep less of the audit log: audit.keep, audit.max_events");
}

/* An alarm of the keeper's, of the last day. */
static void check_rates(struct doctor *d, const json_t *answer)
{
	const char *what, *alarm = "", *limited = "";
	char text[160];
	json_t *rate;

	json_object_foreach(json_object_get(answer, "rates"), what, rate) {
		if (!json_object_get(rate, "ago") || json_integer_value(json_object_get(rate, "ago")) > 86400)
			continue;
		if (json_integer_value(json_object_get(rate, "limited")))
			limited = what;
		else
			alarm = what;
	}
	if (*limited)
		snprintf(text, sizeof(text), "more %s than keeper_limits.%s_most: the keeper refuses or refused them", limited, limited);
	else if (*alarm)
		snprintf(text, sizeof(text), "as much as keeper_limits.%s has an alarm for", alarm);
	else
		snprintf(text, sizeof(text), "what leaves it in a minute is below keeper_limits");
	doctor_finding(d, !*alarm && !*limited, "keeper", text,
	        "if your nodes cannot explain it a process may have been taken over: muster keeper show, muster events --what keeper.alarm; "
	        "else set keeper_limits to a few times your busiest minute");
}

/* What one piece of the answer adds to a sum, and to the name of the first. */
static void add_dead(const json_t *a, const char *number, const char *name, long long *n, char first[100])
{
	if (!*n && json_object_get(a, name))
		snprintf(first, 100, "%.99s", shown(text_of(a, name)));
	*n += json_integer_value(json_object_get(a, number));
}

/* Of another keeper, or of a generation that was destroyed: a store that came back from a backup beside a newer keeper. */
static void check_dead(struct doctor *d)
{
	char path[96] = "/v1/keeper/dead", first[100] = "", first_foreign[100] = "", text[400];
	long long dead = 0, foreign = 0;
	bool done = false;
	size_t n;

	while (!done) {
		json_t *a = NULL;

		if (api_ask(d->m, "GET", path, NULL, &a) != EXIT_DONE)
			return;
		add_dead(a, "dead", "first", &dead, first);
		add_dead(a, "foreign", "firstForeign", &foreign, first_foreign);
		done = json_is_true(json_object_get(a, "done"));
		snprintf(path, sizeof(path), "/v1/keeper/dead?part=%lld&after=%lld", (long long)json_integer_value(json_object_get(a, "part")),
			 (long long)json_integer_value(json_object_get(a, "after")));
		json_decref(a);
	}

	n = (size_t)snprintf(text, sizeof(text), "%lld are of no generation that the keeper has%s%s", dead, dead ? ", the first is " : "", first);
	if (foreign)
		snprintf(text + n, sizeof(text) - n, "; %lld of a generation that it has do not open: another keeper wrapped them, or they were changed, the first is %s",
			 foreign, first_foreign);
	doctor_finding(d, !dead && !foreign, "keys of the store", text, "store and keeper are not of one time: bring both back from the same backup; else those nodes have to "
		       "enrol anew, and SIMs to be added again");
}

static void check_api(struct doctor *d)
{
	json_t *answer = NULL;
	char text[200];
	int r;

	if (access(api_socket(d->m), F_OK) < 0) {
		doctor_finding(d, false, "admin API", api_socket(d->m), "no socket there; is musterd running? musterd -c musterd.conf");
		return;
	}
	r = api_ask(d->m, "GET", "/v1/status", NULL, &answer);
	snprintf(text, sizeof(text), "version %s", r == EXIT_DONE ? text_of(answer, "version") : "unknown");
	doctor_finding(d, r == EXIT_DONE, "admin API", text, "the daemon does not answer; its log says why");
	if (r == EXIT_DONE) {
		check_names(d, answer);
		check_room(d, answer);
	}
	json_decref(answer);
	answer = NULL;
	if (r != EXIT_DONE)
		return;
	r = audit_look(d->m, &answer);
	doctor_finding(d, r == EXIT_DONE && json_is_true(json_object_get(answer, "ok")), "audit log", "hash chain and the keeper's seal",
	        "an entry was changed or removed after it was written; compare with your backup: muster audit verify");
	json_decref(answer);
	answer = NULL;
	if (api_ask(d->m, "GET", "/v1/keeper", NULL, &answer) == EXIT_DONE) {
		check_rates(d, answer);
		doctor_ca_key(d, answer);
		check_dead(d);
	}
	json_decref(answer);
}

const char *doctor_of_keeper(const struct doctor *d, const char *file, char out[4096])
{
	const char *dir = NULL;

	if (config_lookup_string(&d->conf, "keeper", &dir) != CONFIG_TRUE)
		dir = "keeper";
	snprintf(out, 4096, "%.4000s/%s", dir, file);
	return out;
}

/* One generation of the key-encryption key, or two while keys are wrapped anew; the CA's key. */
static void check_keeper(struct doctor *d)
{
	static const char remedy[] = "it is made by muster init; restore it from your backup, it cannot be made again";
	char file[64], name[4096], path[4096];
	unsigned found = 0;

	for (unsigned gen = 1; gen < 1000; gen++) {
		snprintf(file, sizeof(file), gen > 1 ? "kek-%u.key" : "kek.key", gen);
		doctor_place(d, doctor_of_keeper(d, file, name), path, sizeof(path));
		if (access(path, F_OK))
			continue;
		found++;
		doctor_secret_file(d, name, "key-encryption key", remedy);
	}
	if (!found)
		doctor_secret_file(d, doctor_of_keeper(d, "kek.key", name), "key-encryption key", remedy);
	doctor_secret_file(d, doctor_of_keeper(d, "ca.key", name), "CA key", remedy);
	doctor_certificate(d, doctor_of_keeper(d, "ca.pem", name), "CA certificate", "what it has signed ends with it, and another CA is another installation");
}

static void check_installation(struct doctor *d)
{
	config_init(&d->conf);
	doctor_finding(d, wall_clock() > MST_BUILD_TIME, "clock", wall_clock() > MST_BUILD_TIME ? "" : "it shows a time before this program was built",
	        "set the clock; certificates cannot be judged without it");
	if (check_config(d)) {
		doctor_keys(d);
		check_keeper(d);
		doctor_lists(d);
		doctor_role(d, "mef");
		doctor_role(d, "maf");
		doctor_role(d, "bbn");
		doctor_gba(d);
		doctor_door(d);
		check_api(d);
		doctor_diameter(d);
	}
	config_destroy(&d->conf);
}

int cmd_doctor(struct muster *m, int argc, char **argv)
{
	struct doctor d = { .m = m };
	const char *where = NULL, *pin_file = NULL;
	unsigned bad;

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--card"))
			where = "";
		else if (!strncmp(argv[i], "--card=", 7))
			where = argv[i] + 7;
		else if (!strcmp(argv[i], "--pin-file") && i + 1 < argc)
			pin_file = argv[++i];
		else
			return usage_error(NULL, "unknown or incomplete argument \"%s\"; takes --card[=READER|/dev/PORT] and --pin-file FILE", argv[i]);
	}
	if (pin_file && !where)
		return usage_error(NULL, "--pin-file is for --card");
	d.found = json_array();
	if (where)
		doctor_card(&d, where, pin_file);
	else
		check_installation(&d);
	bad = d.bad;
	if (m->json)
		print_json(d.found);
	else {
		json_decref(d.found);
		say(bad ? "%u to mend" : "nothing to mend", bad);
	}
	return bad ? EXIT_REFUSED : EXIT_DONE;
}
