#include "server/people.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "server/config-internal.h"

#define EVERYBODY UINT64_C(4294967295)  /* user ids; the last number is none (chown(2)) */

struct users {
	const struct mst_conf *c;
	const char *text;
	struct mst_conf_report *r;
	char map[16384];                /* of uid_map: 340 lines at most, of three numbers each */
	uint64_t mapped;                /* how many users in all */
	uint64_t overflow;
};
#define WRONG(u, field, ...) mst_conf_wrong((u)->r, (u)->c->file, mst_conf_line_in((u)->text, field), field, __VA_ARGS__)

/* 0, or an errno. */
static int read_text(const char *proc, const char *name, char *out, size_t cap)
{
	char path[MST_CONF_PATH];
	ssize_t n = 0;
	size_t at = 0;
	int fd, why;

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	while (at + 1 < cap && (n = read(fd, out + at, cap - 1 - at)) > 0)
		at += (size_t)n;
	why = n < 0 ? errno : at + 1 == cap ? EFBIG : 0;
	out[at] = '\0';
	close(fd);
	return why;
}

/* The next of blanks and digits; false: there is none, or it is no number. */
static bool number(const char **at, uint64_t *ret)
{
	const char *p = *at + strspn(*at, " ");
	size_t n = strspn(p, "0123456789");

	*at = p + n;
	return mst_parse_dec((struct mst_view){ (const uint8_t *)p, n }, EVERYBODY, ret);
}

/* Calls of itself what `map` says: first inside, first outside, how many. How many there are in all; 0: that is no map. */
static uint64_t read_map(const char *map, uint64_t uid, bool *ret_has)
{
	uint64_t inside, outside, n, all = 0;

	*ret_has = false;
	while (*map) {
		if (!number(&map, &inside) || !number(&map, &outside) || !number(&map, &n) || *map++ != '\n')
			return 0;
		*ret_has |= uid >= inside && uid - inside < n;
		all += n;
	}
	return all;
}

/* A kernel without user namespaces has no map, and everybody is who he is. */
static int take_map(struct users *u, const char *proc)
{
	int why = read_text(proc, "self/uid_map", u->map, sizeof(u->map));
	char self[64];
	bool has;

	if (why == ENOENT && !read_text(proc, "self/comm", self, sizeof(self))) {
		snprintf(u->map, sizeof(u->map), "0 0 4294967295\n");
		why = 0;
	}
	u->mapped = why ? 0 : read_map(u->map, 0, &has);
	return why || u->mapped ? why : EINVAL;
}

static void look_at(const struct users *u, const char *field, uint64_t uid)
{
	bool has;

	(void)read_map(u->map, uid, &has);
	if (uid == u->overflow || uid == MST_UID_NOBODY)
		WRONG(u, field, "%llu is nobody's: the kernel says it of every user whom it does not map here, so all of them would be this one; give the "
		      "user id of an account of their own", (unsigned long long)uid);
	else if (!has)
		WRONG(u, field, "%llu is none of the users of this user namespace (/proc/self/uid_map), so nobody would ever be taken for it; let musterd "
		      "run with PrivateUsers=no (systemd), or map this user into its container", (unsigned long long)uid);
}

static void each(const struct users *u)
{
	char field[64];

	for (size_t i = 0; i < u->c->four_eyes.n_people; i++) {
		snprintf(field, sizeof(field), "four_eyes.people[%zu].uid", i);
		look_at(u, field, (uint64_t)u->c->four_eyes.people[i].uid);
	}
	for (size_t i = 0; i < u->c->admin.n_providers; i++) {
		snprintf(field, sizeof(field), "admin.providers[%zu].uid", i);
		look_at(u, field, (uint64_t)u->c->admin.providers[i].uid);
	}
}

void mst_people_check(const struct mst_conf *c, const char *text, const char *proc, struct mst_conf_report *r)
{
	const char *field = c->four_eyes.n_people ? "four_eyes.people" : "admin.providers";
	struct users u = { .c = c, .text = text, .r = r, .overflow = MST_UID_NOBODY };
	unsigned before = r->errors;
	char said[24] = "";
	int why, hidden;

	if (!c->four_eyes.n_people && !c->admin.n_providers)
		return;
	why = take_map(&u, proc);
	hidden = read_text(proc, "sys/kernel/overflowuid", said, sizeof(said));
	said[strcspn(said, "\n")] = '\0';
	if (!hidden && !mst_parse_dec(mst_view_str(said), EVERYBODY, &u.overflow))
		hidden = EINVAL;
	if (why) {
		WRONG(&u, field, "which users the kernel tells musterd of cannot be told: %s/self/uid_map: %s; mount /proc where musterd runs", proc, strerrordesc_np(why));
		return;
	}
	each(&u);
	/* hidden by ProcSubset=pid as in our unit, where everybody is mapped and nobody is told as somebody else */
	if (hidden && u.mapped < EVERYBODY && r->errors == before)
		WRONG(&u, field, "some users are not mapped here, and as whom the kernel tells of them cannot be told: %s/sys/kernel/overflowuid: %s; let musterd "
		      "run with PrivateUsers=no, or with ProcSubset=all (systemd)", proc, strerrordesc_np(hidden));
}
