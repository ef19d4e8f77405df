/*
 * Text messages by ModemManager (org.freedesktop.ModemManager1) on the system's bus, or the one that is configured.
 * Without a bus, or without ModemManager on it, the agent goes on; it looks again now and then.
 *
 * What was received is handed to the door. A message that is a trigger in form is deleted from the modem, whatever the
 * verdict; anything else is somebody's message and stays.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "agent/door.h"

#define MM "org.freedesktop.ModemManager1"
#define MM_PATH "/org/freedesktop/ModemManager1"
#define MESSAGING MM ".Modem.Messaging"
#define SMS_RECEIVED 3               /* MMSmsState */
#define AGAIN_S 30

struct door_mm {
	struct agent *agent;
	sd_bus *bus;                 /* NULL: no bus just now */
	struct event *io, *again;
};

/* One message on its way: read, then judged, then perhaps deleted. */
struct reading { struct door_mm *m; char *modem, *sms; };

static void connect_bus(struct door_mm *m);

static void reading_free(void *p)
{
	struct reading *r = p;

	free(r->modem);
	free(r->sms);
	free(r);
}

static void retry_later(struct door_mm *m)
{
	static const struct timeval again = { .tv_sec = AGAIN_S };

	event_add(m->again, &again);
}

/* Properties of a message: State, Text, Data; the rest is skipped. */
static int read_sms(sd_bus_message *a, uint32_t *ret_state, const char **ret_text, struct mst_view *ret_data)
{
	int r = sd_bus_message_enter_container(a, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(a, 'e', "sv")) > 0) {
		const char *name;
		const void *p = NULL;
		size_t n = 0;

		r = sd_bus_message_read(a, "s", &name);
		if (r < 0)
			break;
		if (!strcmp(name, "State"))
			r = sd_bus_message_read(a, "v", "u", ret_state);
		else if (!strcmp(name, "Text"))
			r = sd_bus_message_read(a, "v", "s", ret_text);
		else if (!strcmp(name, "Data") && (r = sd_bus_message_enter_container(a, 'v', "ay")) > 0) {
			r = sd_bus_message_read_array(a, 'y', &p, &n);
			*ret_data = (struct mst_view){ p, n };
			if (r >= 0)
				r = sd_bus_message_exit_container(a);
		} else if (strcmp(name, "Data") != 0)
			r = sd_bus_message_skip(a, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(a);
	}
	return r < 0 ? r : sd_bus_message_exit_container(a);
}

static int on_deleted(sd_bus_message *a, void *arg, sd_bus_error *e)
{
	struct door_mm *m = arg;

	(void)e;
	if (sd_bus_message_is_method_error(a, NULL))
		agent_log(m->agent, AGENT_WARN, "message-not-deleted", "why", sd_bus_message_get_error(a)->message, NULL);
	return 0;
}

static int on_properties(sd_bus_message *a, void *arg, sd_bus_error *e)
{
	struct reading *r = arg;
	struct door_mm *m = r->m;
	struct mst_view data = MST_VIEW_NONE;
	const char *text = "";
	uint32_t state = 0;
	struct mst_diag d = { 0 };
	enum trigger_verdict v;

	(void)e;
	if (sd_bus_message_is_method_error(a, NULL) || read_sms(a, &state, &text, &data) < 0) {
		agent_log(m->agent, AGENT_WARN, "message-not-read", "message", r->sms, NULL);
		return 0;
	}
	/* parts of a longer one, or one that was sent: no trigger is that long */
	if (state != SMS_RECEIVED)
		return 0;
	v = door_push(m->agent, data.n ? data : mst_view_str(text), TRIGGER_MM, &d);
	if (v != TRIGGER_MALFORMED && v != TRIGGER_OVERSIZED)
		(void)sd_bus_call_method_async(m->bus, NULL, MM, r->modem, MESSAGING, "Delete", on_deleted, m, "o", r->sms);
	agent_turn(m->agent);
	return 0;
}

static void read_message(struct door_mm *m, const char *modem, const char *sms)
{
	struct reading *r = calloc(1, sizeof(*r));
	sd_bus_slot *slot = NULL;

	if (!r)
		return;
	*r = (struct reading){ m, strdup(modem), strdup(sms) };
	if (!r->modem || !r->sms ||
	    sd_bus_call_method_async(m->bus, &slot, MM, sms, "org.freedesktop.DBus.Properties", "GetAll", on_properties,
				     r, "s", MM ".Sms") < 0) {
		reading_free(r);
		return;
	}
	/* the slot owns the reading, and the bus the slot */
	(void)sd_bus_slot_set_destroy_callback(slot, reading_free);
	(void)sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
}

static int on_added(sd_bus_message *a, void *arg, sd_bus_error *e)
{
	const char *sms, *modem = sd_bus_message_get_path(a);
	int received;

	(void)e;
	if (modem && sd_bus_message_read(a, "ob", &sms, &received) > 0 && received)
		read_message(arg, modem, sms);
	return 0;
}

/* Messages that came while nobody listened. */
static int on_list(sd_bus_message *a, void *arg, sd_bus_error *e)
{
	struct reading *of = arg;
	const char *sms;

	(void)e;
	if (sd_bus_message_is_method_error(a, NULL) || sd_bus_message_enter_container(a, 'a', "o") < 0)
		return 0;
	while (sd_bus_message_read(a, "o", &sms) > 0)
		read_message(of->m, of->modem, sms);
	return 0;
}

static void list_messages(struct door_mm *m, const char *modem)
{
	struct reading *r = calloc(1, sizeof(*r));
	sd_bus_slot *slot = NULL;

	if (!r)
		return;
	*r = (struct reading){ m, strdup(modem), NULL };
	if (!r->modem || sd_bus_call_method_async(m->bus, &slot, MM, modem, MESSAGING, "List", on_list, r, "") < 0) {
		reading_free(r);
		return;
	}
	(void)sd_bus_slot_set_destroy_callback(slot, reading_free);
	(void)sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
}

/* a{oa{sa{sv}}}: objects that can do messaging. */
static int on_objects(sd_bus_message *a, void *arg, sd_bus_error *e)
{
	struct door_mm *m = arg;
	const char *path, *interface;

	(void)e;
	if (sd_bus_message_is_method_error(a, NULL) || sd_bus_message_enter_container(a, 'a', "{oa{sa{sv}}}") < 0)
		return 0;
	while (sd_bus_message_enter_container(a, 'e', "oa{sa{sv}}") > 0) {
		if (sd_bus_message_read(a, "o", &path) < 0 || sd_bus_message_enter_container(a, 'a', "{sa{sv}}") < 0)
			return 0;
		while (sd_bus_message_enter_container(a, 'e', "sa{sv}") > 0) {
			if (sd_bus_message_read(a, "s", &interface) < 0 || sd_bus_message_skip(a, "a{sv}") < 0 ||
			    sd_bus_message_exit_container(a) < 0)
				return 0;
			if (!strcmp(interface, MESSAGING))
				list_messages(m, path);
		}
		/* the interfaces, then the pair of object and interfaces */
		for (int i = 0; i < 2; i++) {
			if (sd_bus_message_exit_container(a) < 0)
				return 0;
		}
	}
	return 0;
}

static void look_around(struct door_mm *m)
{
	(void)sd_bus_call_method_async(m->bus, NULL, MM, MM_PATH, "org.freedesktop.DBus.ObjectManager",
				       "GetManagedObjects", on_objects, m, "");
}

/* ModemManager began (again): its old objects are gone, new ones may hold messages. */
static int on_owner(sd_bus_message *a, void *arg, sd_bus_error *e)
{
	const char *name, *before, *now;

	(void)e;
	if (sd_bus_message_read(a, "sss", &name, &before, &now) > 0 && !strcmp(name, MM) && *now)
		look_around(arg);
	return 0;
}

static void drop_bus(struct door_mm *m)
{
	event_del(m->io);
	m->bus = sd_bus_close_unref(m->bus);
}

static void arm(struct door_mm *m);

static void on_io(evutil_socket_t fd, short what, void *arg)
{
	struct door_mm *m = arg;
	int r;

	(void)fd;
	(void)what;
	while ((r = sd_bus_process(m->bus, NULL)) > 0)
		;
	if (r < 0) {
		agent_log(m->agent, AGENT_WARN, "modem-manager", "why", strerror(-r), NULL);
		drop_bus(m);
		retry_later(m);
		return;
	}
	arm(m);
}

/* What the bus waits for changes with every step of it. */
static void arm(struct door_mm *m)
{
	int fd = sd_bus_get_fd(m->bus), events = sd_bus_get_events(m->bus);
	uint64_t until = UINT64_MAX;
	struct timeval tv, *limit = NULL;
	struct timespec t;

	event_del(m->io);
	if (sd_bus_get_timeout(m->bus, &until) >= 0 && until != UINT64_MAX) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		uint64_t now = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000, left = until > now ? until - now : 0;

		tv = (struct timeval){ .tv_sec = (time_t)(left / 1000000), .tv_usec = (suseconds_t)(left % 1000000) };
		limit = &tv;
	}
	event_assign(m->io, m->agent->base, fd, (short)((events & 1 ? EV_READ : 0) | (events & 4 ? EV_WRITE : 0)), on_io, m);
	event_add(m->io, limit);
}

static int start(struct door_mm *m)
{
	const char *address = m->agent->cfg.trigger_bus;
	int r = sd_bus_new(&m->bus);

	if (r >= 0)
		r = sd_bus_set_address(m->bus, *address ? address : "unix:path=/run/dbus/system_bus_socket");
	if (r >= 0)
		r = sd_bus_set_bus_client(m->bus, 1);
	if (r >= 0)
		r = sd_bus_start(m->bus);
	if (r >= 0)
		r = sd_bus_match_signal_async(m->bus, NULL, MM, NULL, MESSAGING, "Added", on_added, NULL, m);
	if (r >= 0)
		r = sd_bus_add_match_async(m->bus, NULL, "type='signal',sender='org.freedesktop.DBus',"
					   "member='NameOwnerChanged',arg0='" MM "'", on_owner, NULL, m);
	return r;
}

static void connect_bus(struct door_mm *m)
{
	int r = start(m);

	if (r < 0) {
		m->bus = sd_bus_close_unref(m->bus);
		agent_log(m->agent, AGENT_WARN, "modem-manager", "why", strerror(-r), NULL);
		retry_later(m);
		return;
	}
	look_around(m);
	arm(m);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	connect_bus(arg);
}

int door_mm_open(struct agent *a, struct door_mm **ret_m)
{
	struct door_mm *m = calloc(1, sizeof(*m));

	if (!m)
		return MST_FAULT_MEMORY;
	*ret_m = m;
	m->agent = a;
	m->io = event_new(a->base, -1, 0, on_io, m);
	m->again = evtimer_new(a->base, on_again, m);
	if (!m->io || !m->again)
		return MST_FAULT_MEMORY;
	connect_bus(m);
	return 0;
}

struct door_mm *door_mm_close(struct door_mm *m)
{
	if (!m)
		return NULL;
	if (m->io)
		event_free(m->io);
	if (m->again)
		event_free(m->again);
	sd_bus_close_unref(m->bus);
	free(m);
	return NULL;
}

const char *door_mm_state(const struct door_mm *m)
{
	return !m ? "off" : m->bus && sd_bus_is_ready(m->bus) > 0 ? "connected" : "no bus";
}
