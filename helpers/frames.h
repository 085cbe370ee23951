/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stdin for an exec that can't close it (v4.channel.k8s.io): as frames, each
 * "LENGTH\n" and LENGTH bytes, "0\n" for its end, which the script in the
 * container turns back into a stream (prelude.h). Pure, no I/O.
 *
 * A frame costs a fork in the container, so in bulk they have to be large. But
 * what is typed, and what asks and answers, has to go at once. So a frame
 * holds what there is when it is begun; and after one of FRAMES_BULK bytes or
 * more the next one waits until it is full or FRAMES_GATHER_MS have passed.
 */
#ifndef K8SHELL_FRAMES_H
#define K8SHELL_FRAMES_H

#include <stddef.h>

/* Largest frame; one is being sent while the next is being filled. */
#define FRAMES_MAX (2 * 1024 * 1024)

#define FRAMES_BULK	 (16 * 1024)
#define FRAMES_GATHER_MS 20

struct frames;

/* NULL without memory; what frames need is allocated as they grow. */
struct frames *frames_new(void);
void frames_free(struct frames *f);

/* As new. */
void frames_reset(struct frames *f);

/* How many bytes of stdin can be taken now. */
size_t frames_room(const struct frames *f);

/*
 * Where to put them, room for len <= frames_room(), NULL without memory; the
 * caller says with frames_commit() how many there are.
 */
unsigned char *frames_reserve(struct frames *f, size_t len);
void frames_commit(struct frames *f, size_t n);

/* stdin has ended. drop: what no frame has been begun for isn't wanted. */
void frames_end(struct frames *f, int drop);

/*
 * Writes what comes next to p, at most size bytes (32 are enough for some
 * progress). Returns their number, 0: nothing for now.
 */
size_t frames_take(struct frames *f, unsigned char *p, size_t size);

/*
 * Whether the next frame waits for more; frames_hurry(), FRAMES_GATHER_MS
 * after this became true, sends it as it is.
 */
int frames_gathers(const struct frames *f);
void frames_hurry(struct frames *f);

#endif
