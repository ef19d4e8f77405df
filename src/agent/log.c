#include "agent/agent.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_text[] = { "error", "warn", "info", "debug" };

static void stamp(char *out, size_t cap)
{
	time_t t = time(NULL);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, cap, "-");
}

/* Values are texts of peers as well: what is not printable is shown as '?', so a line stays a line. */
static void put_plain(FILE *f, const char *v)
{
	bool quote = !*v || strpbrk(v, " \"=") != NULL;

	if (quote)
		fputc('"', f);
	for (; *v; v++)
		fputc((unsigned char)*v < 0x20 || *v == 0x7f || *v == '"' ? '?' : *v, f);
	if (quote)
		fputc('"', f);
}

static void log_text(enum agent_log_level level, const char *when, const char *event, va_list ap)
{
	const char *name;

	fprintf(stderr, "%s %s %s", when, level_text[level], event);
	while ((name = va_arg(ap, const char *)) != NULL) {
		const char *v = va_arg(ap, const char *);

		fprintf(stderr, " %s=", name);
		put_plain(stderr, v ? v : "");
	}
	fputc('\n', stderr);
}

static void log_json(enum agent_log_level level, const char *when, const char *event, va_list ap)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "time", when, "level", level_text[level], "event", event);
	const char *name;
	char *line;

	while ((name = va_arg(ap, const char *)) != NULL) {
		const char *v = va_arg(ap, const char *);
		json_t *s = json_string(v ? v : "");

		json_object_set_new(o, name, s ? s : json_string("?"));     /* not UTF-8 */
	}
	line = json_dumps(o, JSON_COMPACT);
	fprintf(stderr, "%s\n", line ? line : "{}");
	free(line);
	json_decref(o);
}

void agent_log(const struct agent *a, enum agent_log_level level, const char *event, ...)
{
	char when[32];
	va_list ap;

	if (level > (enum agent_log_level)a->cfg.log_level)
		return;
	stamp(when, sizeof(when));
	va_start(ap, event);
	if (a->cfg.log_format == AGENT_LOG_JSON)
		log_json(level, when, event, ap);
	else
		log_text(level, when, event, ap);
	va_end(ap);
}

/* Points of the shell itself; the others are the enrolee's. */
#define POINT_PROGRESS "progress-saved"
#define POINT_TRIGGERED "triggered"
#define POINT_TRIGGER_KEPT "trigger-kept"     /* a pushed one: its counter is durable, its effect is to come */
#define POINT_BUNDLE "bundle-noted"
#define POINT_ORIGIN "origin-kept"           /* where a credential came from is durable, the credential itself is not */

/* Of the dialogue with a briefing node: the question is out; the answer is understood, the engine has not seen it; a
 * report was taken. */
#define POINT_ASKED "briefing-asked"
#define POINT_BRIEFED "briefed"
#define POINT_REPORTED "briefing-reported"

static const char *const own_points[] = { POINT_BUNDLE, POINT_TRIGGER_KEPT, POINT_TRIGGERED, POINT_PROGRESS,
					  POINT_ASKED, POINT_BRIEFED, POINT_REPORTED, POINT_ORIGIN };

void agent_point_list(FILE *out)
{
	for (size_t i = 0; i < MST_COUNT(own_points); i++)
		fprintf(out, "%s\n", own_points[i]);
	for (int p = ENROLEE_AT_NOTHING + 1; p < ENROLEE_POINT__COUNT; p++)
		fprintf(out, "%s\n", enrolee_point_text((enum enrolee_point)p));
}

/* Of commands, which not every enrolment has, of keys shared with others, of a change of provider and of a factory reset. */
static const char *const cert_points[] = { "cert-requested", "cert-saved", "cert-promoted", "command-done", "key-registered", "key-kept",
	"ub-challenged", "ub-card-answered", "ub-granted", "leaving-kept", "slots-changed", "left-mef", "left-maf", "left", "reset-slots", "reset-erased", "reg-renewed", "move-keyed", "move-secret", "move-built", "move-kept", "move-switched", "move-emptied", "move-taken",
	"take-made", "take-written", "take-taken" };

bool agent_point_known(const char *name)
{
	for (size_t i = 0; i < MST_COUNT(own_points); i++) {
		if (!strcmp(name, own_points[i]))
			return true;
	}
	for (size_t i = 0; i < MST_COUNT(cert_points); i++) {
		if (!strcmp(name, cert_points[i]))
			return true;
	}
	return enrolee_point_of(name) != ENROLEE_AT_NOTHING;
}

void agent_point(const struct agent *a, const char *name)
{
	agent_log(a, AGENT_INFO, "reached", "point", name, "attempt", prov_attempt(a->prov), NULL);
	if (!strcmp(a->cfg.crash_at, name))
		kill(getpid(), SIGKILL);
}
