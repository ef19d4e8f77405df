/* `muster doctor`, Diameter: are the configured peers connected? The daemon's metrics tell. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor.h"

/* What 127.0.0.1:PORT or [::1]:PORT answers to GET /metrics. */
static bool metrics(const char *address, char *out, size_t cap)
{
	static const char ask[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	const char *colon = strrchr(address, ':');
	struct timeval limit = { 5, 0 };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bool v6 = address[0] == '[';
	size_t n = 0;
	ssize_t got = 1;
	int fd;

	if (!colon)
		return false;
	six.sin6_port = four.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, v6 ? (struct sockaddr *)&six : (struct sockaddr *)&four, v6 ? sizeof(six) : sizeof(four)) ||
	    send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) != sizeof(ask) - 1)
		got = -1;
	while (got > 0 && n < cap - 1) {
		got = recv(fd, out + n, cap - 1 - n, 0);
		n += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	out[n] = '\0';
	return n > 0;
}

/* `name{process="diameter"} 2`: UINT_MAX when it is not there. */
static unsigned value(const char *text, const char *name)
{
	char begin[100];
	const char *at;

	snprintf(begin, sizeof(begin), "\n%s{process=\"diameter\"} ", name);
	at = strstr(text, begin);
	return at ? (unsigned)strtoul(at + strlen(begin), NULL, 10) : UINT32_MAX;
}

/* Those in clear are named: nobody but the operator's IPsec stands for them. Is there any with TLS? */
static bool look_at_peers(struct doctor *d)
{
	const config_setting_t *list = config_lookup(&d->conf, "diameter.peers");
	int n = list ? config_setting_length(list) : 0;
	bool any = false;
	char text[600];

	for (int i = 0; i < n; i++) {
		const config_setting_t *one = config_setting_get_elem(list, (unsigned)i);
		const char *identity = "";
		int tls = 1, ipsec = 0;

		(void)config_setting_lookup_bool(one, "tls", &tls);
		(void)config_setting_lookup_bool(one, "ipsec", &ipsec);
		any = any || tls;
		if (tls || !ipsec)
			continue;
		(void)config_setting_lookup_string(one, "identity", &identity);
		snprintf(text, sizeof(text), "%.250s is believed by its word (tls = false, ipsec = true): see that nothing reaches the ports of Diameter "
			 "without IPsec", identity);
		doctor_finding(d, true, "Diameter", text, "");
	}
	return any;
}

void doctor_diameter(struct doctor *d)
{
	size_t cap = 512 * 1024;
	char *text, words[100];
	const char *address = "127.0.0.1:9464";
	unsigned peers, open;

	if (!config_lookup(&d->conf, "diameter"))
		return;
	if (look_at_peers(d))
		doctor_pair(d, "diameter");
	(void)config_lookup_string(&d->conf, "metrics", &address);
	if (!*address) {
		doctor_finding(d, true, "Diameter", "peers are not looked at: metrics is \"\"; the log says which are open", "");
		return;
	}
	text = malloc(cap);
	if (!text || !metrics(address, text, cap)) {
		doctor_finding(d, false, "Diameter", "the daemon's metrics do not answer", "is musterd running? musterd -c musterd.conf");
		free(text);
		return;
	}
	peers = value(text, "muster_diameter_peers");
	open = value(text, "muster_diameter_peers_open");
	free(text);
	if (peers == UINT32_MAX || open == UINT32_MAX) {
		doctor_finding(d, false, "Diameter", "its process does not run", "the log of musterd says why; is musterd-diameter installed beside musterd?");
		return;
	}
	snprintf(words, sizeof(words), "%u of %u peers connected", open, peers);
	doctor_finding(d, open == peers, "Diameter", words, "the log says why (\"a Diameter peer is not open\"): its address, its certificate, or it is down");
}
