#include "server/metrics.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *name, *type, *help; } metric[MST_M__COUNT] = {
#define ROW(id, n, t, h) [MST_M_##id] = { n, t, h },
	MST_METRICS(ROW)
#undef ROW
};

static const struct { const char *name, *help; double le[MST_BUCKETS]; } histogram[MST_H__COUNT] = {
	[MST_H_REQUEST_SECONDS] = { "muster_request_seconds", "time from a request's arrival to its answer",
		{ .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10 } },
	[MST_H_GROUP_SIZE] = { "muster_commit_decisions", "decisions in one transaction",
		{ 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256 } },
};

void mst_metrics_observe(struct mst_metrics *m, enum mst_histogram_id id, double value)
{
	for (size_t i = 0; i < MST_BUCKETS; i++)
		if (value <= histogram[id].le[i]) {
			m->h[id].bucket[i]++;
			break;
		}
	m->h[id].count++;
	m->h[id].sum += value;
}

void mst_metrics_encode(const struct mst_metrics *m, struct mst_writer *w)
{
	mst_put_u16(w, MST_M__COUNT);
	for (size_t i = 0; i < MST_M__COUNT; i++)
		mst_put_u64(w, m->v[i]);
	for (size_t i = 0; i < MST_H__COUNT; i++) {
		for (size_t b = 0; b < MST_BUCKETS; b++)
			mst_put_u64(w, m->h[i].bucket[b]);
		mst_put_u64(w, m->h[i].count);
		mst_put_u64(w, (uint64_t)(m->h[i].sum * 1e6));
	}
}

bool mst_metrics_decode(struct mst_view v, struct mst_metrics *ret_m)
{
	struct mst_reader r = mst_reader_of(v);
	struct mst_metrics m;

	if (mst_read_u16(&r) != MST_M__COUNT)
		return false;
	for (size_t i = 0; i < MST_M__COUNT; i++)
		m.v[i] = mst_read_u64(&r);
	for (size_t i = 0; i < MST_H__COUNT; i++) {
		for (size_t b = 0; b < MST_BUCKETS; b++)
			m.h[i].bucket[b] = mst_read_u64(&r);
		m.h[i].count = mst_read_u64(&r);
		m.h[i].sum = (double)mst_read_u64(&r) / 1e6;
	}
	if (!mst_read_end(&r))
		return false;
	*ret_m = m;
	return true;
}

static void put_histogram(const struct mst_metrics_row *row, size_t n, size_t id, struct mst_writer *w)
{
	char line[256];

	snprintf(line, sizeof(line), "# HELP %s %s\n# TYPE %s histogram\n", histogram[id].name,
		 histogram[id].help, histogram[id].name);
	mst_put_str(w, line);
	for (size_t i = 0; i < n; i++) {
		const struct mst_histogram *h = &row[i].m->h[id];
		uint64_t sum = 0;

		if (!h->count)
			continue;
		for (size_t b = 0; b < MST_BUCKETS; b++) {
			sum += h->bucket[b];
			snprintf(line, sizeof(line), "%s_bucket{process=\"%s\",le=\"%g\"} %llu\n",
				 histogram[id].name, row[i].process, histogram[id].le[b],
				 (unsigned long long)sum);
			mst_put_str(w, line);
		}
		snprintf(line, sizeof(line),
			 "%s_bucket{process=\"%s\",le=\"+Inf\"} %llu\n%s_sum{process=\"%s\"} %.6f\n"
			 "%s_count{process=\"%s\"} %llu\n",
			 histogram[id].name, row[i].process, (unsigned long long)h->count, histogram[id].name,
			 row[i].process, h->sum, histogram[id].name, row[i].process,
			 (unsigned long long)h->count);
		mst_put_str(w, line);
	}
}

void mst_metrics_text(const struct mst_metrics_row *row, size_t n, struct mst_writer *w)
{
	char line[256];

	for (size_t k = 0; k < MST_M__COUNT; k++) {
		snprintf(line, sizeof(line), "# HELP %s %s\n# TYPE %s %s\n", metric[k].name, metric[k].help,
			 metric[k].name, metric[k].type);
		mst_put_str(w, line);
		for (size_t i = 0; i < n; i++) {
			snprintf(line, sizeof(line), "%s{process=\"%s\"} %llu\n", metric[k].name,
				 row[i].process, (unsigned long long)row[i].m->v[k]);
			mst_put_str(w, line);
		}
	}
	for (size_t k = 0; k < MST_H__COUNT; k++)
		put_histogram(row, n, k, w);
}
