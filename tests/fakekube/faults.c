/* SPDX-License-Identifier: Apache-2.0 */
/* The little language of fault= lines; README.md is its manual. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fakekube.h"

/* The words of one line: positional ones first come, then key=value. */
struct words {
	char *copy;
	char *word[16];
	bool used[16];
	size_t count;
};

static void
words_free(struct words *w)
{
	free(w->copy);
}

void
faults_init(struct faults *f)
{
	*f = (struct faults){0};
	f->http.retry_after = -1;
	f->http.times = -1;
	f->hang.times = -1;
	f->cut.at.bytes = f->cut.at.ms = -1;
	f->stall.at.bytes = f->stall.at.ms = -1;
	f->deleted.at.bytes = f->deleted.at.ms = -1;
	f->read_rate = -1;
}

void
faults_free(struct faults *f)
{
	free(f->redirect.location);
	free(f->upgrade.protocol);
	free(f->status_raw);
	faults_init(f);
}

static const char *
words_value(struct words *w, const char *key)
{
	size_t i, n = strlen(key);

	for (i = 1; i < w->count; i++) {
		if (strncmp(w->word[i], key, n) == 0 && w->word[i][n] == '=') {
			w->used[i] = true;
			return w->word[i] + n + 1;
		}
	}
	return NULL;
}

static bool
words_flag(struct words *w, const char *name)
{
	size_t i;

	for (i = 1; i < w->count; i++) {
		if (strcmp(w->word[i], name) == 0) {
			w->used[i] = true;
			return true;
		}
	}
	return false;
}

/* The first word without '=' that nobody took yet. */
static const char *
words_next(struct words *w)
{
	size_t i;

	for (i = 1; i < w->count; i++) {
		if (!w->used[i] && strchr(w->word[i], '=') == NULL) {
			w->used[i] = true;
			return w->word[i];
		}
	}
	return NULL;
}

static int
words_number(struct words *w, const char *key, int64_t *out)
{
	const char *value = words_value(w, key);
	uint64_t n;

	if (value == NULL)
		return 0;
	if (number_parse(value, INT64_MAX, &n) < 0)
		return -1;
	*out = (int64_t)n;
	return 0;
}

static int
words_next_number(struct words *w, uint64_t max, uint64_t *out)
{
	const char *value = words_next(w);

	if (value == NULL)
		return -1;
	return number_parse(value, max, out);
}

static int
words_choice(const char *word, const char *const names[], int *out)
{
	int i;

	for (i = 0; word != NULL && names[i] != NULL; i++) {
		if (strcmp(word, names[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return -1;
}

static int
words_trigger(struct words *w, struct trigger *at)
{
	if (words_number(w, "after-bytes", &at->bytes) < 0 ||
	    words_number(w, "after-ms", &at->ms) < 0)
		return -1;
	at->at_status = words_flag(w, "at-status");
	return 0;
}

static int
words_on(struct words *w, int *on)
{
	static const char *const names[] = {"exec", "get", "all", NULL};
	const char *value = words_value(w, "on");
	int choice = 0;

	if (value != NULL && words_choice(value, names, &choice) < 0)
		return -1;
	*on = choice + 1;
	return 0;
}

static int
parse_http(struct faults *f, struct words *w)
{
	static const char *const bodies[] = {"status", "empty", "html", "huge",
	    "cut", NULL};
	const char *body = words_value(w, "body");
	int choice = BODY_STATUS;
	uint64_t code;

	if (words_next_number(w, 599, &code) < 0 || code < 200)
		return -1;
	if (body != NULL && words_choice(body, bodies, &choice) < 0)
		return -1;
	f->http.code = (int)code;
	f->http.body = (enum fault_body)choice;
	if (words_number(w, "retry-after", &f->http.retry_after) < 0 ||
	    words_number(w, "times", &f->http.times) < 0)
		return -1;
	return words_on(w, &f->http.on);
}

static int
parse_hang(struct faults *f, struct words *w)
{
	if (words_number(w, "ms", &f->hang.ms) < 0 ||
	    words_number(w, "times", &f->hang.times) < 0)
		return -1;
	return words_on(w, &f->hang.on);
}

static int
parse_redirect(struct faults *f, struct words *w)
{
	if (w->count < 2)
		return -1;
	w->used[1] = true;
	free(f->redirect.location);
	f->redirect.location = xstrdup(w->word[1]);
	return words_on(w, &f->redirect.on);
}

static int
parse_protocol(struct faults *f, struct words *w)
{
	const char *name = words_next(w);

	if (name == NULL)
		return -1;
	free(f->upgrade.protocol);
	f->upgrade.protocol = xstrdup(name);
	return 0;
}

static int
parse_upgrade(struct faults *f, struct words *w)
{
	static const char *const names[] = {"wrong-accept", "no-accept",
	    "no-upgrade", "no-protocol", "huge-headers", NULL};
	bool *const flags[] = {&f->upgrade.wrong_accept, &f->upgrade.no_accept,
	    &f->upgrade.no_upgrade, &f->upgrade.no_protocol,
	    &f->upgrade.huge_headers};
	int choice;

	if (words_choice(w->word[0], names, &choice) < 0)
		return -1;
	*flags[choice] = true;
	return 0;
}

static int
parse_cut(struct faults *f, struct words *w)
{
	static const char *const names[] = {"rst", "fin", "tls", "close", NULL};
	uint64_t code = 0;
	int64_t n = 0;
	int choice;

	if (words_choice(words_next(w), names, &choice) < 0 ||
	    words_number(w, "code", &n) < 0 || n > 65535)
		return -1;
	code = (uint64_t)n;
	f->cut.how = (enum fault_cut)(choice + 1);
	f->cut.code = (int)code;
	return words_trigger(w, &f->cut.at);
}

static int
parse_stall(struct faults *f, struct words *w)
{
	f->stall.on = true;
	return words_trigger(w, &f->stall.at);
}

static int
parse_deleted(struct faults *f, struct words *w)
{
	static const char *const names[] = {"status", "cut", "freeze", NULL};
	int choice;

	if (words_choice(words_next(w), names, &choice) < 0)
		return -1;
	f->deleted.how = (enum fault_delete)(choice + 1);
	f->deleted.gone = words_flag(w, "gone");
	return words_trigger(w, &f->deleted.at);
}

static int
parse_status(struct faults *f, struct words *w)
{
	static const char *const names[] = {"normal", "none", "malformed",
	    "huge", "fragments", "early", "empty", "twice", NULL};
	int choice;

	if (words_choice(words_next(w), names, &choice) < 0)
		return -1;
	f->status = (enum fault_status)choice;
	return 0;
}

static int
parse_violate(struct faults *f, struct words *w)
{
	static const char *const names[] = {"masked", "reserved-bits",
	    "reserved-opcode", "oversize-control", "fragmented-control",
	    "orphan-continuation", "nested-message", "huge-length",
	    "not-websocket", NULL};
	int choice;

	if (words_choice(words_next(w), names, &choice) < 0)
		return -1;
	f->violation = (enum fault_violation)(choice + 1);
	return 0;
}

static int
parse_fragment(struct faults *f, struct words *w)
{
	uint64_t n;

	if (words_next_number(w, 1 << 30, &n) < 0 || n == 0)
		return -1;
	f->fragment = n;
	f->fragment_pings = words_flag(w, "pings");
	return 0;
}

static int
parse_messages(struct faults *f, struct words *w)
{
	uint64_t n;

	if (words_next_number(w, 16 << 20, &n) < 0 || n == 0)
		return -1;
	f->message = n;
	return 0;
}

static int
parse_trickle(struct faults *f, struct words *w)
{
	static const char *const names[] = {"tls", "tcp", NULL};
	int choice;

	if (words_choice(words_next(w), names, &choice) < 0)
		return -1;
	*(choice == 0 ? &f->trickle_tls : &f->trickle_tcp) = true;
	return 0;
}

static int
parse_slow_reader(struct faults *f, struct words *w)
{
	uint64_t n;

	if (words_next_number(w, 1 << 30, &n) < 0)
		return -1;
	f->read_rate = (int64_t)n;
	return 0;
}

static int
parse_flag(struct faults *f, struct words *w)
{
	static const char *const names[] = {"no-pong", "no-first",
	    "garbage-channels", "text-frames", "data-after-status",
	    "abrupt-close", NULL};
	bool *const flags[] = {&f->no_pong, &f->no_first, &f->garbage_channels,
	    &f->text_frames, &f->data_after_status, &f->abrupt_close};
	int choice;

	if (words_choice(w->word[0], names, &choice) < 0)
		return -1;
	*flags[choice] = true;
	return 0;
}

static const struct {
	const char *name;
	int (*parse)(struct faults *, struct words *);
} parsers[] = {
    {"http", parse_http},
    {"hang", parse_hang},
    {"redirect", parse_redirect},
    {"protocol", parse_protocol},
    {"wrong-accept", parse_upgrade},
    {"no-accept", parse_upgrade},
    {"no-upgrade", parse_upgrade},
    {"no-protocol", parse_upgrade},
    {"huge-headers", parse_upgrade},
    {"cut", parse_cut},
    {"stall", parse_stall},
    {"deleted", parse_deleted},
    {"status", parse_status},
    {"violate", parse_violate},
    {"fragment", parse_fragment},
    {"messages", parse_messages},
    {"trickle", parse_trickle},
    {"slow-reader", parse_slow_reader},
    {"no-pong", parse_flag},
    {"no-first", parse_flag},
    {"garbage-channels", parse_flag},
    {"text-frames", parse_flag},
    {"data-after-status", parse_flag},
    {"abrupt-close", parse_flag},
};

int
faults_parse(struct faults *f, const char *line, struct text *err)
{
	__attribute__((cleanup(words_free))) struct words w = {0};
	static const char raw[] = "status raw ";
	char *save = NULL, *word;
	size_t i;

	if (strncmp(line, raw, sizeof(raw) - 1) == 0) {
		free(f->status_raw);
		f->status_raw = xstrdup(line + sizeof(raw) - 1);
		f->status = STATUS_RAW;
		return 0;
	}
	w.copy = xstrdup(line);
	for (word = strtok_r(w.copy, " \t", &save); word != NULL;
	    word = strtok_r(NULL, " \t", &save)) {
		if (w.count == sizeof(w.word) / sizeof(w.word[0])) {
			text_addf(err, "too many words: %s", line);
			return -1;
		}
		w.word[w.count++] = word;
	}
	for (i = 0; w.count > 0 && i < sizeof(parsers) / sizeof(parsers[0]);
	    i++) {
		if (strcmp(parsers[i].name, w.word[0]) != 0)
			continue;
		if (parsers[i].parse(f, &w) < 0)
			break;
		for (i = 1; i < w.count; i++) {
			if (!w.used[i]) {
				text_addf(err, "fault %s: what is \"%s\"?",
				    w.word[0], w.word[i]);
				return -1;
			}
		}
		return 0;
	}
	text_addf(err, "cannot understand fault \"%s\"", line);
	return -1;
}
