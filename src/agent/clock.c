/* Time, as far as it is known (lesson 15), and chance. */
#include "agent/agent.h"

#include <time.h>

#include "muster/version.h"

mst_ms agent_now(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &t);   /* runs on through suspend */
	return (mst_ms)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

mst_time agent_utc(const struct agent *a)
{
	return mst_clock_now(&a->clock, (mst_time)time(NULL), agent_now());
}

mst_time agent_utc_or_0(const struct agent *a)
{
	return mst_clock_is_set(&a->clock, (mst_time)time(NULL), agent_now()) ? agent_utc(a) : 0;
}

uint32_t agent_random(struct agent *a)
{
	uint32_t x = 0;

	/* Only jitter hangs on it: without it the wait is the shortest one. */
	if (a->crypto->ops->random(a->crypto, (uint8_t *)&x, sizeof(x)))
		agent_log(a, AGENT_ERROR, "no-randomness", NULL);
	return x;
}

void agent_load_clock(struct agent *a)
{
	uint8_t b[8];
	struct mst_diag d = { 0 };
	mst_time last = 0;
	size_t n = 0;

	if (a->env->ops->load_blob(a->env, "clock", b, sizeof(b), &n, &d) == 0 && n == sizeof(b)) {
		struct mst_reader r = mst_reader_of((struct mst_view){ b, n });

		last = (mst_time)mst_read_u64(&r);
	}
	mst_clock_init(&a->clock, MST_BUILD_TIME, last, agent_now());
}

void agent_save_clock(struct agent *a)
{
	uint8_t b[8];
	struct mst_writer w = mst_writer_of(b, sizeof(b));
	struct mst_diag d = { 0 };
	int r;

	mst_put_u64(&w, (uint64_t)mst_clock_kept(&a->clock, agent_now()));
	r = a->env->ops->store_blob(a->env, "clock", mst_written(&w), &d);
	if (r)
		agent_log(a, AGENT_WARN, "clock-not-saved", "why", agent_why(&d, r), NULL);
}

void agent_learn_time(struct agent *a, mst_time server)
{
	if (a->clock.told && a->clock.known == server)
		return;
	if (mst_clock_told(&a->clock, server, a->server_not_after, agent_now()))
		agent_save_clock(a);
	else
		agent_log(a, AGENT_WARN, "server-time-refused", "why",
			  "it lies before this program was built, or after its certificate's end", NULL);
}

void agent_doubt_time(struct agent *a)
{
	if (!mst_clock_doubt(&a->clock, agent_now()))
		return;
	agent_log(a, AGENT_WARN, "clock-doubted", "why",
		  "a server's certificate seems to have ended; the next one is judged without the time that was told before", NULL);
}

mst_time agent_floor(struct agent *a)
{
	mst_clock_session(&a->clock);
	return agent_utc(a);
}
