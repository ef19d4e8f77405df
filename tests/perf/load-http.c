#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static size_t post(const struct load *l, const struct load_node *n, unsigned step, const char *base, int ty,
		   const char *body, char *out, size_t cap)
{
	int size = snprintf(
		out, cap,
		"POST %s HTTP/1.1\r\nHost: %s\r\nX-M2M-Origin: %s\r\nX-M2M-RI: b%u\r\nX-M2M-RVI: 3\r\n"
		"Content-Type: application/json; ty=%d\r\nAccept: application/json\r\nContent-Length: "
		"%zu\r\n\r\n%s",
		base, l->kind == LOAD_GBA ? l->maf : l->server_name, n->id, step, ty, strlen(body), body);

	return size > 0 && (size_t)size < cap ? (size_t)size : 0;
}

/* A new attempt each time: the same one again would be answered from memory. */
size_t load_question(char *out, size_t cap)
{
	unsigned char attempt[8];
	int n;

	if (RAND_bytes(attempt, sizeof(attempt)) != 1)
		return 0;
	n = snprintf(out, cap, "{\"version\":1,\"attempt\":\"");
	for (size_t i = 0; i < 16 && n > 0 && (size_t)n < cap; i++)
		n += snprintf(out + n, cap - (size_t)n, "%02x", attempt[i % 8]);
	if (n > 0 && (size_t)n < cap)
		n += snprintf(out + n, cap - (size_t)n, "\",\"methods\":[\"cert\",\"bbn\"]}");
	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

static size_t question(const struct load *l, char *out, size_t cap)
{
	char body[160];
	int n;

	if (!load_question(body, sizeof(body)))
		return 0;
	n = snprintf(out, cap,
		     "POST /briefing HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
		     "Content-Length: %zu\r\n\r\n%s",
		     l->server_name, strlen(body), body);
	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

static size_t retrieval(const struct load *l, const struct load_node *n, char *out, size_t cap)
{
	int size = snprintf(out, cap, "GET /MAFBase/%s HTTP/1.1\r\nHost: %s\r\nX-M2M-Origin: %s\r\nX-M2M-RI: k\r\nX-M2M-RVI: 3\r\n"
			    "Accept: application/json\r\n\r\n", l->key, l->server_name, n->id);

	return size > 0 && (size_t)size < cap ? (size_t)size : 0;
}

/* Spec 4.5 shows the messages; a briefing's is doc/schema/briefing.schema.json. */
size_t load_request(const struct load *l, struct load_node *n, unsigned step, char *out, size_t cap)
{
	char body[512];
	bool mef = l->kind == LOAD_MEF || l->kind == LOAD_MEF_PSK;

	if (load_datagrams(l->kind))
		return load_coap_request(l, step, out, cap);
	if (l->kind == LOAD_MTLS || l->kind == LOAD_PSK) {
		if (!l->request || step > 0)
			return 0;
		return (size_t)snprintf(out, cap, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", l->server_name);
	}
	if (l->kind == LOAD_EST)
		return load_est_request(l, n, step, out, cap);
	if (l->kind == LOAD_BBN || l->kind == LOAD_BBN_PSK)
		return step ? 0 : question(l, out, cap);
	if (l->kind == LOAD_MAF_KEY)
		return step ? 0 : retrieval(l, n, out, cap);
	if (l->kind == LOAD_UB || l->kind == LOAD_GBA) {
		if (step < LOAD_UB_STEPS)
			return load_ub_request(l, n, step, out, cap);
		if (l->kind == LOAD_UB)
			return 0;
		step -= LOAD_UB_STEPS;      /* from here as at a MAF */
	}
	if (step == 0) {
		snprintf(body, sizeof(body), "{\"sec:%sClientReg\":{\"et\":\"%s\",\"adminFQDN\":\"%s\"}}",
			 mef ? "mef" : "maf", l->until, l->admin);
		return post(l, n, step, mef ? "/MEFBase" : "/MAFBase", mef ? 65001 : 65002, body, out, cap);
	}
	if (!mef || step > 1)
		return 0;
	snprintf(body, sizeof(body),
		 "{\"sec:symmKeyReg\":{\"et\":\"%s\",\"adminFQDN\":\"%s\",\"SUID\":21,\"targetIDs\":[\"%s\"]}"
		 "}",
		 l->until, l->admin, l->maf);
	return post(l, n, step, "/MEFBase", 65003, body, out, cap);
}

static const char *find(const char *in, size_t n, const char *what)
{
	return memmem(in, n, what, strlen(what));
}

static enum load_answer bad(char why[160], const char *what, const char *in, size_t n)
{
	const char *rsc = find(in, n, "X-M2M-RSC: "), *body = find(in, n, "\r\n\r\n");

	snprintf(why, 160, "%s: %.12s %.15s %.90s", what, n > 12 ? in : "", rsc ? rsc : "",
		 body ? body + 4 : "");
	return LOAD_BAD;
}

/* The key that the MEF registered is the one that this session exported: its identifier says so. */
static bool our_key(const struct load_node *n, const char *body, size_t size)
{
	char member[64];

	snprintf(member, sizeof(member), "\"relativeKeyID\":\"%.32s\"", n->key_id);
	return n->ke.n && find(body, size, member);
}

static bool same_key(const struct load_node *n, const char *body, size_t size)
{
	char member[300];

	snprintf(member, sizeof(member), "\"assignedSymmKeyID\":\"%s\"", n->key_id);
	return find(body, size, member);
}

/* assignedSymmKeyID = KmID, 32 hex digits and the MAF's name. */
static bool assigned(const struct load *l, const char *body, size_t size)
{
	static const char member[] = "\"assignedSymmKeyID\":\"";
	const char *p = find(body, size, member), *end;
	size_t name = strlen(l->maf);

	if (!p)
		return false;
	p += sizeof(member) - 1;
	end = memchr(p, '"', size - (size_t)(p - body));
	return end && (size_t)(end - p) == 32 + 1 + name && strspn(p, "0123456789ABCDEFabcdef") == 32 &&
	       p[32] == '@' && memcmp(p + 33, l->maf, name) == 0;
}

/* Instructions that lead to this MAF, and nothing else, are an answer. */
bool load_briefing(const struct load *l, const char *body, size_t length)
{
	char member[300];

	snprintf(member, sizeof(member), "\"target\":\"%s\"", l->maf);
	return find(body, length, "\"instructions\":[{") && find(body, length, member);
}

/* 32 octets in base64, or it is no key. */
static enum load_answer check_key(const char *in, size_t size, const char *body, size_t length, char why[160])
{
	static const char member[] = "\"keyValue\":\"";
	const char *p = find(body, length, member), *end = NULL;

	if (p) {
		p += sizeof(member) - 1;
		end = memchr(p, '"', length - (size_t)(p - body));
	}
	return strncmp(in, "HTTP/1.1 200", 12) == 0 && end && end - p == 44 ? LOAD_GOOD : bad(why, "no key", in, size);
}

enum load_answer load_check(const struct load *l, struct load_node *n, unsigned step, const char *in,
			    size_t size, char why[160])
{
	const char *body = find(in, size, "\r\n\r\n"), *p;
	size_t head, length;

	if (load_datagrams(l->kind))
		return load_coap_check(l, in, size, why);
	if (!body)
		return LOAD_MORE;
	body += 4;
	head = (size_t)(body - in);
	p = find(in, head, "Content-Length: ");
	if (!p)
		return bad(why, "no length in the answer", in, size);
	length = strtoul(p + strlen("Content-Length: "), NULL, 10);
	if (size < head + length)
		return LOAD_MORE;
	if (size > head + length)
		return bad(why, "octets after the answer", in, size);
	if (l->kind == LOAD_MTLS || l->kind == LOAD_PSK)
		return strncmp(in, "HTTP/1.1 200", 12) == 0 ? LOAD_GOOD : bad(why, "not 200", in, size);
	if (l->kind == LOAD_EST)
		return strncmp(in, "HTTP/1.1 200", 12) == 0 && load_est_check(n, step, body, length) ? LOAD_GOOD : bad(why, "no certificate", in, size);
	if (l->kind == LOAD_BBN || l->kind == LOAD_BBN_PSK)
		return strncmp(in, "HTTP/1.1 200", 12) == 0 && load_briefing(l, body, length) ? LOAD_GOOD : bad(why, "no briefing", in, size);
	if (l->kind == LOAD_MAF_KEY)
		return check_key(in, size, body, length, why);
	if ((l->kind == LOAD_UB || l->kind == LOAD_GBA) && step < LOAD_UB_STEPS)
		return load_ub_check(l, n, step, in, head, body, length) ? LOAD_GOOD : bad(why, step ? "not granted" : "no challenge of its operator", in, size);
	if (strncmp(in, "HTTP/1.1 201", 12) != 0 || !find(in, head, "X-M2M-RSC: 2001\r\n"))
		return bad(why, "not created", in, size);
	if ((step == 0 || l->kind == LOAD_GBA) && !find(body, length, "\"ri\":\""))
		return bad(why, "no registration id", in, size);
	if ((l->kind == LOAD_MEF || l->kind == LOAD_MEF_PSK) && step == 1 && !our_key(n, body, length))
		return bad(why, "not the key of this session", in, size);
	if (l->kind == LOAD_MAF && !assigned(l, body, length))
		return bad(why, "no KmID of this MAF", in, size);
	if (l->kind == LOAD_GBA && !same_key(n, body, length))
		return bad(why, "the KmID is not the B-TID", in, size);
	return LOAD_GOOD;
}
