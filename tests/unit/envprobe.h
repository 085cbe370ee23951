/* SPDX-License-Identifier: Apache-2.0 */
#ifndef K8SHELL_ENVPROBE_H
#define K8SHELL_ENVPROBE_H

extern int envprobe_ran;
extern int envprobe_seen; /* bits: getenv(3), environ(7), the third argument */

#endif
