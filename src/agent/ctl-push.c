/* `muster-agent trigger --push`: what another program received, to the door for pushed triggers (door.h). */
#include "agent/agent.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/trigger.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_FAULT = 3 };

/* The agent's own door for users who may not speak to it: what comes through it proves itself, or is dropped. */
static int push_datagram(const struct agent_config *cfg, struct mst_view v)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = -1;

	if (fd < 0 || (size_t)snprintf(un.sun_path, sizeof(un.sun_path), "%s", cfg->trigger_socket) >= sizeof(un.sun_path))
		errno = fd < 0 ? errno : ENAMETOOLONG;
	else
		r = sendto(fd, v.p, v.n, MSG_NOSIGNAL, (struct sockaddr *)&un, sizeof(un)) == (ssize_t)v.n ? 0 : -1;
	if (r)
		fprintf(stderr, "%s: %s\n", cfg->trigger_socket, strerror(errno));
	else
		printf("handed over\n");
	if (fd >= 0)
		close(fd);
	return r ? EXIT_FAULT : EXIT_DONE;
}

static int say_answer(const json_t *answer)
{
	const json_t *e = json_object_get(answer, "error");
	const char *field = json_string_value(json_object_get(e, "field")),
		   *text = json_string_value(json_object_get(e, "text"));

	if (json_is_true(json_object_get(answer, "ok"))) {
		printf("triggered, attempt %s\n", json_string_value(json_object_get(answer, "attempt")));
		return EXIT_DONE;
	}
	if (!answer)
		return EXIT_FAULT;
	fprintf(stderr, "refused: %s%s%s\n", field ? field : "", field && *field ? ": " : "", text ? text : "");
	return EXIT_REFUSED;
}

int ctl_push(const struct agent_config *cfg, const char *file, const char *source)
{
	uint8_t octets[MST_DEVICE_TRIGGER_MAX + 1];
	char text[2 * sizeof(octets)];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	FILE *f = strcmp(file, "-") ? fopen(file, "rb") : stdin;
	size_t n = f ? fread(octets, 1, sizeof(octets), f) : 0;
	json_t *answer;
	int fd, code;

	if (!f || ferror(f) || n == sizeof(octets)) {
		fprintf(stderr, "%s: %s\n", file, f && !ferror(f) ? "larger than any trigger" : strerror(errno));
		if (f && f != stdin)
			fclose(f);
		return f ? EXIT_REFUSED : EXIT_FAULT;
	}
	if (f != stdin)
		fclose(f);
	fd = ctl_dial(cfg, 10);
	if (fd < 0 && errno == EACCES && cfg->trigger_socket[0])
		return push_datagram(cfg, (struct mst_view){ octets, n });
	if (fd < 0) {
		fprintf(stderr, "%s/agent.sock: %s; is the agent running? (muster-agent run)\n", cfg->run, strerror(errno));
		return EXIT_FAULT;
	}
	mst_put_base64(&w, (struct mst_view){ octets, n });
	mst_put_nul(&w);
	answer = ctl_ask(fd, json_pack("{s:s, s:s, s:s}", "op", "push", "source", source ? source : "push", "data", text));
	code = say_answer(answer);
	json_decref(answer);
	return code;
}
