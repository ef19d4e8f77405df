/* The four installations of the demo, as `muster init` makes them, and the rules of both briefing nodes. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "demo.h"

static const struct { const char *name, *sp, *processes; } houses[DEMO_HOUSES] = {
	[DEMO_MAKER] = { "acme", "acme.example.com", "single" },
	[DEMO_OWNER] = { "owner", "owner.example.com", "single" },
	[DEMO_NORTH] = { "north", "north.example.com", "split" },
	[DEMO_SOUTH] = { "south", "south.example.com", "single" },
};

static void prepare_house(struct demo *d, enum demo_who who, const unsigned port[3])
{
	struct demo_house *h = &d->house[who];
	struct install *in = &h->in;

	h->name = houses[who].name;
	path_join(h->dir, sizeof(h->dir), d->dir, h->name);
	*in = (struct install){ .dir = h->dir, .address = "127.0.0.1", .processes = houses[who].processes, .metrics = "", .listeners = 1,
		                .mef_port = port[0], .maf_port = port[1], .bbn_port = port[2] };
	snprintf(in->sp, sizeof(in->sp), "%s", houses[who].sp);
	snprintf(in->mef, sizeof(in->mef), "mef.%s", houses[who].sp);
	snprintf(in->maf, sizeof(in->maf), "maf.%s", houses[who].sp);
	snprintf(in->bbn, sizeof(in->bbn), "bbn.%s", houses[who].sp);
	h->inside = *d->m;
	h->inside.dir = h->dir;
	h->inside.units = false;
	h->inside.json = false;
	h->inside.quiet = true;
	path_join(h->inside.socket, sizeof(h->inside.socket), h->dir, "run/admin.sock");
}

int demo_prepare(struct demo *d, const char *dir)
{
	unsigned port[DEMO_HOUSES * 3 + 4];

	if (dir) {
		snprintf(d->dir, sizeof(d->dir), "%s", dir);
		if (make_dir(d->dir) < 0)
			return EXIT_FAULT;
	} else {
		snprintf(d->dir, sizeof(d->dir), "/tmp/muster-demo.XXXXXX");
		if (!mkdtemp(d->dir)) {
			complain("cannot make a directory in /tmp: %s", strerror(errno));
			return EXIT_FAULT;
		}
	}
	if (!demo_free_ports(port, MST_COUNT(port))) {
		complain("no free ports on 127.0.0.1: %s", strerror(errno));
		return EXIT_FAULT;
	}
	for (size_t i = 0; i < DEMO_HOUSES; i++)
		prepare_house(d, (enum demo_who)i, port + 3 * i);
	demo_sims_prepare(d, port + 3 * (size_t)DEMO_HOUSES);
	return EXIT_DONE;
}

int demo_install(struct demo *d)
{
	int r = EXIT_DONE;

	for (size_t i = 0; r == EXIT_DONE && i < DEMO_HOUSES; i++)
		r = install_make(&d->house[i].in);
	return r;
}

#define RULE_WORDS 24

/* A piece of a command's line; where that ends. */
MST_PRINTF(3, 4) static size_t show(const struct demo *d, size_t column, const char *fmt, ...)
{
	char text[1000];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!d->m->json)
		printf("%s%s%s", ink(d->m, DIM), text, ink(d->m, PLAIN));
	return column + (size_t)(n > 0 ? n : 0);
}

/* `muster rule add …`, shown as it would be typed. */
static int add_rule(struct demo *d, enum demo_who who, const char *const *word)
{
	const char *argv[RULE_WORDS + 2] = { "add" };
	size_t n = 1, column;

	column = show(d, 0, "$ muster -C %s rule add", d->house[who].name);
	for (; word[n - 1]; n++) {
		const char *w = word[n - 1];
		bool file = strncmp(w, d->dir, strlen(d->dir)) == 0;

		argv[n] = w;
		if (*w == '-' && column + strlen(w) + strlen(word[n]) > 96)
			column = show(d, 0, " \\\n     ");
		column = show(d, column, strpbrk(w, " *") ? " '%s'" : " %s", file ? w + strlen(d->dir) + 1 : w);
	}
	argv[n] = NULL;
	show(d, 0, "\n");
	/* cmd_rule() takes options out of the list; it writes to no word */
	return cmd_rule(&d->house[who].inside, (int)n, (char **)(uintptr_t)argv);
}

/* What every rule of the owner's says: the provider, the method, and the CA by which its MEF is known. */
static int send_to(struct demo *d, enum demo_who provider, const char *name, const char *flag, const char *value, const char *before)
{
	const struct install *in = &d->house[provider].in;
	char mef[600], maf[600], ca[4096];
	const char *const word[] = { name, flag, value, "--mef-uri", mef, "--method", "cert,psk", "--sp", in->sp, "--maf", in->maf, "--maf-uri", maf,
		                     "--anchor", path_join(ca, sizeof(ca), in->dir, "keeper/ca.pem"), before ? "--before" : NULL, before, NULL };

	snprintf(mef, sizeof(mef), "https://%s:%u", in->mef, in->mef_port);
	snprintf(maf, sizeof(maf), "https://%s:%u", in->maf, in->maf_port);
	return add_rule(d, DEMO_OWNER, word);
}

/* The maker sends the lot that the owner has bought to the owner; the owner decides by where a node stands. */
int demo_rules(struct demo *d)
{
	const struct install *owner = &d->house[DEMO_OWNER].in;
	char uri[600], ca[4096];
	const char *const lot[] = { "lot-7", "--batch", "lot-7", "--redirect", uri, "--anchor", path_join(ca, sizeof(ca), owner->dir, "keeper/ca.pem"),
		                    NULL };
	int r;

	snprintf(uri, sizeof(uri), "https://%s:%u", owner->bbn, owner->bbn_port);
	if ((r = add_rule(d, DEMO_MAKER, lot)) == EXIT_DONE &&
	    (r = send_to(d, DEMO_NORTH, "north-sites", "--site", "north*", NULL)) == EXIT_DONE &&
	    (r = send_to(d, DEMO_NORTH, "north-depot", "--circle", "53.5511,9.9937,5km", NULL)) == EXIT_DONE &&
	    (r = send_to(d, DEMO_SOUTH, "south-fields", "--polygon", "47.9,11.2 47.9,11.9 48.4,11.9 48.4,11.2", NULL)) == EXIT_DONE)
		r = send_to(d, DEMO_SOUTH, "south-yard", "--circle", "47.5596,7.5886,3km", NULL);
	return r;
}

int demo_rule_sold(struct demo *d, const char *ids)
{
	return send_to(d, DEMO_SOUTH, "sold", "--node-prefix", ids, "north-sites");
}
