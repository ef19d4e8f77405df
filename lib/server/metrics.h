/*
 * Counters, gauges and histograms of one process, as one table; they travel to the supervisor as a frame
 * and are written as Prometheus text, one sample per process.
 */
#ifndef MST_SERVER_METRICS_H
#define MST_SERVER_METRICS_H

#include "base/attr.h"
#include "base/writer.h"

/* X(ENUM, "name", "type", "help") */
#define MST_METRICS(X) \
	X(ACCEPTED, "muster_connections_total", "counter", "connections accepted") \
	X(REFUSED, "muster_connections_refused_total", "counter", "connections closed at once because there were too many") \
	X(OPEN, "muster_connections_open", "gauge", "connections open now") \
	X(HANDSHAKES, "muster_handshakes_total", "counter", "TLS handshakes that ended well") \
	X(HANDSHAKES_FAILED, "muster_handshakes_failed_total", "counter", "TLS handshakes that failed") \
	X(HTTP2, "muster_http2_sessions_total", "counter", "TLS sessions that speak HTTP/2: BSFs at the HSS, NAFs at the BSF") \
	X(REQUESTS, "muster_requests_total", "counter", "requests that arrived whole") \
	X(ANSWERS_OK, "muster_answers_ok_total", "counter", "answers with a 2xxx response status code") \
	X(ANSWERS_REFUSED, "muster_answers_refused_total", "counter", "answers with a 4xxx response status code") \
	X(ANSWERS_FAILED, "muster_answers_failed_total", "counter", "answers with a 5xxx response status code") \
	X(BUSY, "muster_busy_total", "counter", "requests answered with 503 because of load") \
	X(PSK_ASKS, "muster_psk_lookups_total", "counter", "pre-shared keys asked for by handshakes") \
	X(PSK_UNKNOWN, "muster_psk_unknown_total", "counter", "pre-shared keys that are unknown, revoked or expired") \
	X(COAP_OPEN, "muster_coap_sessions_open", "gauge", "DTLS sessions of CoAP open now, among the connections") \
	X(COAP_COOKIES, "muster_coap_cookies_total", "counter", "DTLS ClientHellos answered with a cookie, before anything is kept of their senders") \
	X(COAP_EVICTED, "muster_coap_evicted_total", "counter", "idle sessions of CoAP that made room for new ones") \
	X(COAP_REPEATED, "muster_coap_repeated_total", "counter", "CoAP messages that came again") \
	X(COAP_RESENT, "muster_coap_resent_total", "counter", "CoAP messages that were not acknowledged and sent again") \
	X(WAITING, "muster_engine_asked", "gauge", "requests and handshakes of a listener that wait for the engine") \
	X(FULL, "muster_listener_full", "gauge", "1 while a listener has no room for another waiting request or handshake") \
	X(STORE_GONE, "muster_store_gone", "gauge", "1 when the store's files were removed or replaced, or its server is away") \
	X(STORE_FAILING, "muster_store_failing", "gauge", "1 while the store takes no changes, 2 while it has no space for them") \
	X(AUDIT_EVENTS, "muster_audit_events", "gauge", "entries in the audit log") \
	X(AUDIT_SEALED, "muster_audit_sealed", "gauge", "number of the newest entry of the audit log that the keeper has sealed since the start") \
	X(AUDIT_MISMATCH, "muster_audit_mismatch", "gauge", "1 when the audit log is not the one that the keeper sealed") \
	X(STORE_OCTETS, "muster_store_octets", "gauge", "octets of the store") \
	X(KEYS_ENDING, "muster_keys_ending_total", "counter", "root keys whose end is near and that were not renewed in time") \
	X(KEYS_ENDED, "muster_keys_ended_total", "counter", "enrolment and root keys that have ended by the clock") \
	X(SUBS_ENDED, "muster_subscriptions_expired_total", "counter", "subscriptions that have ended by the clock") \
	X(NODES_GONE, "muster_nodes_gone_total", "counter", "released nodes whose time to leave has ended") \
	X(HSS_VECTORS, "muster_hss_vectors_total", "counter", "vectors of AKA that the HSS has given to BSFs") \
	X(HSS_SETTINGS, "muster_hss_settings_total", "counter", "user security settings that the HSS has told BSFs") \
	X(GBA_CHALLENGES, "muster_gba_challenges_total", "counter", "challenges that the BSF has given out") \
	X(GBA_BOOTSTRAPS, "muster_gba_bootstraps_total", "counter", "nodes that have bootstrapped at the BSF by their SIM") \
	X(GBA_WRONG, "muster_gba_wrong_answers_total", "counter", "answers to a challenge whose RES was wrong") \
	X(GBA_NAF_KEYS, "muster_gba_naf_keys_total", "counter", "keys that the BSF has given to NAFs") \
	X(QUEUE, "muster_engine_queue", "gauge", "decisions that wait in the engine") \
	X(COMMITS, "muster_commits_total", "counter", "store transactions committed") \
	X(COMMITS_FAILED, "muster_commits_failed_total", "counter", "store transactions that failed") \
	X(GROUPS_REPEATED, "muster_groups_repeated_total", "counter", "groups that the database lost, decided again") \
	X(DECISIONS, "muster_decisions_total", "counter", "decisions committed") \
	X(FETCHES, "muster_fetches_total", "counter", "keys asked from other servers") \
	X(FETCHES_FAILED, "muster_fetches_failed_total", "counter", "keys that another server did not give") \
	X(KEEPER_CALLS, "muster_keeper_calls_total", "counter", "calls that the keeper answered") \
	X(KEEPER_REFUSED, "muster_keeper_refused_total", "counter", "calls that the keeper refused") \
	X(KEEPER_ALARMS, "muster_keeper_alarms_total", "counter", "minutes in which as much left the keeper as keeper_limits has an alarm for") \
	X(KEEPER_LIMITED, "muster_keeper_limited_total", "counter", "minutes in which the keeper refused what was above keeper_limits") \
	X(KEEPER_CA_AWAY, "muster_keeper_ca_away", "gauge", "1 while the device with the CA's key does not sign") \
	X(KEEPER_GENERATION, "muster_keeper_generation", "gauge", "generation of the key-encryption key that is in use") \
	X(KEEPER_REWRAPPED, "muster_keeper_rewrapped", "gauge", "keys that were wrapped anew with it, so far") \
	X(KEEPER_DEAD, "muster_keeper_dead_keys", "gauge", "keys of the store that no generation of the key-encryption key opens, as counted after the start") \
	X(DIAMETER_PEERS, "muster_diameter_peers", "gauge", "Diameter peers that are configured") \
	X(DIAMETER_OPEN, "muster_diameter_peers_open", "gauge", "Diameter peers that can be talked to now") \
	X(VIOLATIONS, "muster_permit_violations_total", "counter", "frames between processes that were not permitted") \
	X(RESTARTS, "muster_process_restarts_total", "counter", "processes started again")

#define MST_METRIC_ENUM(id, n, t, h) MST_M_##id,
enum mst_metric { MST_METRICS(MST_METRIC_ENUM) MST_M__COUNT };
#undef MST_METRIC_ENUM

/* Seconds from the arrival of a request to its answer, as a listener sees it; and decisions per commit. */
enum mst_histogram_id { MST_H_REQUEST_SECONDS, MST_H_GROUP_SIZE, MST_H__COUNT };
#define MST_BUCKETS 14
struct mst_histogram { uint64_t bucket[MST_BUCKETS], count; double sum; };

struct mst_metrics {
	uint64_t v[MST_M__COUNT];
	struct mst_histogram h[MST_H__COUNT];
};
void mst_metrics_observe(struct mst_metrics *m, enum mst_histogram_id id, double value);

void mst_metrics_encode(const struct mst_metrics *m, struct mst_writer *w);
/* False when malformed; *ret_m written only on true. */
MST_MUST_CHECK bool mst_metrics_decode(struct mst_view v, struct mst_metrics *ret_m);

struct mst_metrics_row { const char *process; const struct mst_metrics *m; };
void mst_metrics_text(const struct mst_metrics_row *row, size_t n, struct mst_writer *w);

#endif
