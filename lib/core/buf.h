/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte buffer with a cap: bytes are added at its end and consumed from its
 * front. Nothing that a peer sends can make it grow past the cap.
 */
#ifndef K8SHELL_BUF_H
#define K8SHELL_BUF_H

#include <stddef.h>
#include <sys/types.h>

struct buf;

/* Returns NULL without memory. Nothing is allocated before the first byte. */
struct buf *buf_new(size_t cap);

/* Wipes the memory first, as it may hold credentials. NULL is fine. */
void buf_free(struct buf *b);
void buf_freep(struct buf **b);

/* Borrowed until the next call that changes b; buf_len(b) bytes. */
const unsigned char *buf_data(const struct buf *b);
size_t buf_len(const struct buf *b);

/* How many more bytes fit under the cap. */
size_t buf_room(const struct buf *b);

/* All or nothing: -1 past the cap or without memory, b unchanged. */
int buf_put(struct buf *b, const void *p, size_t len);

/*
 * Room for len bytes at the end, to be written by the caller and then made
 * part of b with buf_commit(b, n), n <= len. NULL past the cap or without
 * memory. Borrowed until the next call that changes b.
 */
unsigned char *buf_reserve(struct buf *b, size_t len);
void buf_commit(struct buf *b, size_t n);

/* Drops n <= buf_len(b) bytes from the front. */
void buf_consume(struct buf *b, size_t n);

/*
 * The content as a C string (a NUL is kept behind it, not counted).
 * Borrowed until the next call that changes b. NULL if it holds a NUL itself
 * or without memory.
 */
const char *buf_string(struct buf *b);

/*
 * Adds all that can be read from fd up to end of file. -1 with errno set;
 * EFBIG if the cap was reached before the end.
 */
int buf_read_all(struct buf *b, int fd);

#endif
