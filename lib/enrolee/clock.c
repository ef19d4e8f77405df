#include "enrolee/clock.h"

void mst_clock_init(struct mst_clock *c, mst_time build, mst_time last, mst_ms now)
{
	*c = (struct mst_clock){ .floor = build, .ceiling = build + MST_CLOCK_BEYOND, .at = now };
	c->known = last > c->floor && last <= c->ceiling ? last : build;
}

static mst_time elapsed(const struct mst_clock *c, mst_ms now)
{
	return c->known + (now > c->at ? (now - c->at) / 1000 : 0);
}

bool mst_clock_told(struct mst_clock *c, mst_time server, mst_time not_after, mst_ms now)
{
	if (server < c->floor || server > c->ceiling || server > not_after)
		return false;
	c->known = server;
	c->at = now;
	c->told = true;
	c->doubt = false;
	return true;
}

bool mst_clock_doubt(struct mst_clock *c, mst_ms now)
{
	if (c->doubt || (!c->told && c->known <= c->floor))
		return false;
	c->doubt = true;
	c->judged = false;
	c->doubted = now;
	return true;
}

void mst_clock_judges(struct mst_clock *c)
{
	c->judged = true;
}

void mst_clock_session(struct mst_clock *c)
{
	c->doubt = c->doubt && !c->judged;
}

static mst_time believed(const struct mst_clock *c, mst_ms now)
{
	return c->doubt ? c->floor + (now > c->doubted ? (now - c->doubted) / 1000 : 0) : elapsed(c, now);
}

mst_time mst_clock_kept(const struct mst_clock *c, mst_ms now)
{
	return elapsed(c, now);
}

mst_time mst_clock_now(const struct mst_clock *c, mst_time wall, mst_ms now)
{
	mst_time t = believed(c, now);

	if (wall < 0 || wall > MST_TIME_MAX)
		return t;
	if (!c->told || c->doubt)
		return wall > t ? wall : t;
	/* Told: the system's clock is believed where it agrees (it is finer, and runs through suspend). */
	return wall > t - MST_CLOCK_AGREE && wall < t + MST_CLOCK_AGREE ? wall : t;
}

bool mst_clock_is_set(const struct mst_clock *c, mst_time wall, mst_ms now)
{
	return (c->told && !c->doubt) || (wall >= believed(c, now) && wall <= MST_TIME_MAX);
}

mst_time mst_renew_at(mst_time obtained, mst_time not_after, uint32_t rnd)
{
	mst_time life = not_after > obtained ? not_after - obtained : 0;
	mst_time tenth = life / 10, at = obtained + life / 5 * 4 + life % 5 * 4 / 5 + (mst_time)(((uint64_t)tenth * rnd) >> 32);

	if (not_after == MST_NEVER)
		return MST_NEVER;
	return at > obtained || !life ? at : obtained + 1;
}
