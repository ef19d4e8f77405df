/* What is new in the configuration, or in a list: told to every process, and waited for until each has it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/heap.h"
#include "server/check.h"
#include "server/keeper-device.h"
#include "server/supervisor-internal.h"

/* "Reloaded" is a promise about every process, so each must have said so, or be one that began with it. */
void reload_progress(struct supervisor *s)
{
	for (size_t i = 0; i < s->n && s->reloading; i++) {
		const struct child *c = &s->child[i];

		if (c->reloads || c->reload_pending || c->state == CHILD_DOWN || c->state == CHILD_STARTING)
			return;
	}
	if (s->reloading)
		mst_log(&s->log, MST_LOG_INFO, "reloaded", NULL);
	s->reloading = false;
}

/* The audit log is the engine's; while that is away the last reason waits. */
void reload_tell_why(struct supervisor *s)
{
	for (size_t i = 0; s->reload_why[0] && i < s->n; i++) {
		struct child *c = &s->child[i];

		if (c->kind == MST_PROC_ENGINE && c->state == CHILD_READY && c->control &&
		    !mst_link_send(c->control, MST_FRAME_RELOAD_FAILED, 0, mst_view_str(s->reload_why)))
			s->reload_why[0] = '\0';
	}
}

static void say_untold(struct child *c, int r, const struct mst_diag *d)
{
	struct supervisor *s = c->s;
	const char *why = d->text[0] ? d->text : mst_fault_text(r);

	mst_log(&s->log, MST_LOG_ERROR, "a process has the old settings still, for it cannot be told of the new ones; tried again each second", "process", c->name,
		"setting", d->field, "why", why, NULL);
	snprintf(s->reload_why, sizeof(s->reload_why), "%s has the old settings still, which is tried again each second: %.150s", c->name, why);
	reload_tell_why(s);
}

/*
 * A file may be in the making again since all were looked at, or the link be full. Whoever serves goes on with what it has: ended, it could not even
 * begin while that lasts. What came in part is replaced when the whole comes. A process without a link is ending; the next one begins with the whole.
 */
static void tell(struct child *c)
{
	struct mst_diag d = { 0 };
	int r;

	c->reload_pending = true;
	if (!c->control)
		return;
	r = child_tell_conf(c, &d);
	if (!r && mst_link_send(c->control, MST_FRAME_RELOAD, 0, MST_VIEW_NONE))
		r = MST_FAULT_IO;
	if (r && !c->reload_untold)
		say_untold(c, r, &d);
	c->reload_untold = r != 0;
	if (r)
		return;
	c->reload_pending = false;
	c->reloads++;
}

/* Told, and not there yet. What it permits follows the configuration, so who asks it by the new one before then is refused. */
static bool keeper_is_behind(const struct supervisor *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->child[i].kind == MST_PROC_KEEPER && s->child[i].state == CHILD_READY && s->child[i].reloads)
			return true;
	return false;
}

void reload_tell(struct child *c)
{
	if (c->state == CHILD_STARTING || (c->state == CHILD_READY && c->kind != MST_PROC_KEEPER && keeper_is_behind(c->s)))
		c->reload_pending = true;
	else if (c->state == CHILD_READY)
		tell(c);
}

void reload_second(struct supervisor *s)
{
	bool behind = keeper_is_behind(s);

	for (size_t i = 0; i < s->n && !s->stopping; i++)
		if (s->child[i].state == CHILD_READY && s->child[i].reload_pending && (!behind || s->child[i].kind == MST_PROC_KEEPER))
			tell(&s->child[i]);
}

/*
 * It may have taken over a part: a new process starts from the whole. What files can cause was tried before. With `processes = single` it would be
 * the end of all.
 */
void reload_failed(struct child *c, const char *why)
{
	snprintf(c->s->reload_why, sizeof(c->s->reload_why), "%s did not take the new configuration over %s: %.150s", c->name,
		 c->pid > 0 ? "and begins again with it" : "as a whole; restart musterd", why);
	reload_tell_why(c->s);
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		return;
	}
	c->reloads--;
	c->s->reloading = false;
}

struct refusal { struct supervisor *s; char first[200]; };

static void say_refusal(void *arg, const char *text)
{
	struct refusal *f = arg;

	supervisor_say_wrong(f->s, text);
	if (!f->first[0])
		snprintf(f->first, sizeof(f->first), "%.199s", text);
}

/* To the log, and to the audit log with the first of the reasons. */
static void not_reloaded(struct supervisor *s, const char *fixed, const char *first)
{
	mst_log(&s->log, MST_LOG_ERROR,
		fixed ? "not reloaded: this setting needs a restart; the old configuration stays"
		      : "not reloaded; the old configuration stays",
		"setting", fixed, NULL);
	snprintf(s->reload_why, sizeof(s->reload_why), "the old configuration stays: %s%s", fixed ? fixed : first,
		 fixed ? ": needs a restart" : "");
	reload_tell_why(s);
}

static bool has(const struct supervisor *s, enum mst_process kind)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->child[i].kind == kind)
			return true;
	return false;
}

/* A setting that the processes that are there could not take over. */
static const char *needs_restart(const struct supervisor *s, const struct mst_conf *c)
{
	const char *fixed = mst_conf_needs_restart(s->conf, c);

	if (!fixed && mst_conf_asks(c) && !has(s, MST_PROC_CONNECTOR))
		fixed = "mef.bsf_anchors";
	if (!fixed && mst_heap_room((size_t)c->limits.connections) > mst_heap_room((size_t)s->connections))
		fixed = "limits.connections";
	return fixed;
}

void reload(struct supervisor *s)
{
	struct refusal why = { .s = s };
	struct mst_conf_report rep = { .line = say_refusal, .arg = &why };
	struct mst_diag d = { 0 };
	const char *fixed = NULL;
	struct mst_conf *c = NULL, *was;
	char *text = NULL;

	if (s->stopping)
		return;
	if (mst_conf_load(s->setup->conf_file, &rep, &c, &text) || (fixed = needs_restart(s, c)) ||
	    mst_check_installation(c, text, s->setup->roles, &rep) || daemon_doors(s, c, &d)) {
		if (d.text[0])
			say_refusal(&why, d.text);
		not_reloaded(s, fixed, why.first);
		mst_conf_free(c);
		free(text);
		return;
	}
	was = s->conf;
	s->conf = c;
	free(s->text);
	s->text = text;
	supervisor_take_log(s);
	crl_reloaded(s);
	publish_reloaded(s, was);
	if (s->keeper)
		mst_keeper_take(s->keeper, c);        /* processes = single */
	mst_conf_free(was);
	for (int others = 0; others < 2; others++)
		for (size_t i = 0; i < s->n; i++)
			if ((s->child[i].kind != MST_PROC_KEEPER) == others)
				reload_tell(&s->child[i]);
	s->reloading = true;
	reload_progress(s);
}
