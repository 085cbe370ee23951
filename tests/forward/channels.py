#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""channels.py SOCKET COUNT BYTES: so many connections to a Unix socket at once,
each with its own bytes through an echo; prints how many got back just those,
and then the end."""
import hashlib
import socket
import sys
import threading

path, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
good = []
start = threading.Barrier(count)


def exchange(number):
    data = hashlib.shake_128(str(number).encode()).digest(size)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(60)
    start.wait()
    sock.connect(path)

    def send():
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send)
    sender.start()
    got = b""
    while part := sock.recv(65536):
        got += part
    sender.join()
    if got == data:
        good.append(number)


threading.stack_size(256 * 1024)
threads = [threading.Thread(target=exchange, args=(i,)) for i in range(count)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(good))
