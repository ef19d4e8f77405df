/*
 * What happens to a fleet later: five nodes are sold and move to the other provider, never without a working key; the
 * subscription of two others ends, and their keys with it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "demo.h"

#define WAIT_MS 60000
#define LOOK_MS 50

/* Even nodes ask the owner's briefing node alone, which decides anew. */
static bool may_move(const struct demo *d, size_t number)
{
	return !demo_makers_node(number) && demo_place_of(number, NULL)->provider == DEMO_NORTH && number != d->clone && !demo_by_secret(d, number) &&
	       !demo_certified(d, number);
}

static bool may_end(const struct demo *d, size_t number)
{
	return demo_makers_node(number) && demo_place_of(number, NULL)->provider == DEMO_NORTH && number != d->drawn && !demo_certified(d, number);
}

/* The first of a kind, as many as there are. */
static size_t choose(const struct demo *d, bool (*may)(const struct demo *d, size_t number), size_t *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 1; i <= d->nodes && n < max; i++)
		if (may(d, i))
			ret[n++] = i;
	return n;
}

void demo_choose(struct demo *d)
{
	d->moving = choose(d, may_move, d->move, MST_COUNT(d->move));
	d->ending = choose(d, may_end, d->end, MST_COUNT(d->end));
}

bool demo_ends(const struct demo *d, size_t number)
{
	for (size_t i = 0; i < d->ending; i++)
		if (d->end[i] == number)
			return true;
	return false;
}

bool demo_in_time(mst_ms *waited)
{
	if (*waited >= WAIT_MS)
		return false;
	poll(NULL, 0, LOOK_MS);
	*waited += LOOK_MS;
	return true;
}

/* --- a subscription that ends ----------------------------------------------------------------------------------------- */

/* As long as two nodes need to enrol here, by what the others have shown, and a little more. */
int demo_short_contract(struct demo *d, double seconds)
{
	long long life = 5 + (long long)(4 * seconds * DEMO_AT_ONCE / (double)(d->nodes + 1));
	char until[32];
	const struct install *in = &d->house[DEMO_NORTH].in;
	char maf[600];
	const char *const word[] = { "add", "short-contract", "--sp", in->sp, "--maf", in->maf, "--maf-uri", maf, "--until", until, NULL };

	if (!d->ending)
		return EXIT_DONE;
	snprintf(until, sizeof(until), "+%llds", life);
	snprintf(maf, sizeof(maf), "https://%s:%u", in->maf, in->maf_port);
	return demo_type(d, DEMO_NORTH, cmd_subscription, "subscription", word, true);
}

int demo_status_of(pid_t pid)
{
	int status = 0;

	if (pid <= 0)           /* not started, and explained */
		return EXIT_FAULT;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAULT;
}

/* By the provider's clock; nobody has to come for that. And the MAF takes the key no more: the node has looked. */
static bool has_ended(struct demo *d, size_t number)
{
	json_t *node = demo_node_at(d, DEMO_NORTH, number);
	bool ended;

	demo_note(d, number, DEMO_NORTH, node);
	ended = d->holding[number].ended;
	json_decref(node);
	return ended && demo_status_of(demo_agent(d, number, "check", NULL)) == EXIT_REFUSED;
}

int demo_end(struct demo *d)
{
	mst_ms waited = 0;

	for (size_t i = 0; i < d->ending; i++) {
		while (!has_ended(d, d->end[i]))
			if (!demo_in_time(&waited)) {
				complain("the keys of a subscription that has ended still work; look into %s/musterd.log", d->house[DEMO_NORTH].dir);
				return EXIT_REFUSED;
			}
		d->holding[d->end[i]].note = "its subscription has ended";
	}
	return EXIT_DONE;
}

/* --- to another provider ---------------------------------------------------------------------------------------------- */

/* The old provider lets them go, with time to leave; the owner's rule says where to. */
static int let_go(struct demo *d)
{
	char ids[5 * 130] = "", id[128];
	int r = EXIT_DONE;

	for (size_t i = 0; r == EXIT_DONE && i < d->moving; i++) {
		demo_node_id(d->move[i], id);
		snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%s%s", i ? "," : "", id);
		r = demo_type(d, DEMO_NORTH, cmd_node, "node", (const char *[]){ "release", id, "--grace", "2d", "--reason", "sold", NULL }, !i);
	}
	return r == EXIT_DONE ? demo_rule_sold(d, ids) : r;
}

/* Is that word in the node's log, behind `from`? */
static bool logged(const struct demo *d, size_t number, size_t from, const char *word)
{
	char dir[4096], path[4096], *text;
	size_t n = 0;
	bool there;

	text = read_file(path_join(path, sizeof(path), demo_node_dir(d, number, dir), "agent.log"), &n);
	there = text && n > from && strstr(text + from, word);
	free(text);
	return there;
}

static size_t log_size(const struct demo *d, size_t number)
{
	char dir[4096], path[4096];
	size_t n = 0;

	free(read_file(path_join(path, sizeof(path), demo_node_dir(d, number, dir), "agent.log"), &n));
	return n;
}

static int wait_logged(const struct demo *d, size_t number, size_t from, const char *word)
{
	for (mst_ms waited = 0; !logged(d, number, from, word);)
		if (!demo_in_time(&waited)) {
			complain("node %zu does not move; look into %s/nodes/%05zu/agent.log", number, d->dir, number);
			return EXIT_REFUSED;
		}
	return EXIT_DONE;
}

/* Every node's agent runs, is told to begin, and goes on until it has left its old provider. */
static int go(struct demo *d)
{
	pid_t pid[MST_COUNT(d->move)] = { 0 };
	size_t from[MST_COUNT(d->move)] = { 0 };
	int r = EXIT_DONE;

	for (size_t i = 0; r == EXIT_DONE && i < d->moving; i++) {
		from[i] = log_size(d, d->move[i]);
		pid[i] = demo_agent(d, d->move[i], "run", NULL);
		r = pid[i] > 0 ? EXIT_DONE : EXIT_FAULT;
	}
	for (size_t i = 0; r == EXIT_DONE && i < d->moving; i++) {
		r = wait_logged(d, d->move[i], from[i], "enrolled-already");
		if (r == EXIT_DONE)
			r = demo_status_of(demo_agent(d, d->move[i], "trigger", NULL));
	}
	for (size_t i = 0; r == EXIT_DONE && i < d->moving; i++) {
		r = wait_logged(d, d->move[i], from[i], "point=left ");
		progress(d->m, "moving", i + 1, d->moving);
	}
	for (size_t i = 0; i < d->moving; i++) {
		if (pid[i] <= 0)
			continue;
		kill(pid[i], SIGTERM);
		(void)demo_status_of(pid[i]);
	}
	return r;
}

/* With the new one by a key in use, and with the old one by none. */
static bool has_moved(struct demo *d, size_t number)
{
	struct demo_holding *h = &d->holding[number];
	json_t *old = demo_node_at(d, DEMO_NORTH, number), *new = demo_node_at(d, DEMO_SOUTH, number);
	bool good;

	*h = (struct demo_holding){ 0 };
	demo_note(d, number, DEMO_NORTH, old);
	good = !h->key[0] && strcmp(text_of(old, "state"), "released") == 0;
	*h = (struct demo_holding){ .note = "moved" };
	good = demo_note(d, number, DEMO_SOUTH, new) && good && strcmp(text_of(new, "state"), "enrolled") == 0;
	json_decref(old);
	json_decref(new);
	return good;
}

int demo_move(struct demo *d)
{
	int r = d->moving ? let_go(d) : EXIT_DONE;

	if (r == EXIT_DONE)
		r = go(d);
	for (size_t i = 0; r == EXIT_DONE && i < d->moving; i++) {
		if (has_moved(d, d->move[i]))
			continue;
		complain("node %zu has not moved from %s to %s", d->move[i], d->house[DEMO_NORTH].in.sp, d->house[DEMO_SOUTH].in.sp);
		r = EXIT_REFUSED;
	}
	return r;
}
