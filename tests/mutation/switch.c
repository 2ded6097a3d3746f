/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "switch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/io.h"

static Layer layer_off = _LAYER_MAX;
static bool serves_anyway;

/* Before main(): later the file is out of sight. */
static __attribute__((constructor)) void switch_read(void) {
        _cleanup_free_ char *text = NULL;
        char *rest, *word;

        if (io_read_file(AT_FDCWD, SWITCH_FILE, 256, &text, NULL) < 0)
                return; /* all layers are there */
        rest = text;
        word = strsep(&rest, " \n");
        for (Layer l = 0; l < _LAYER_MAX; l++)
                if (strcmp(layer_to_string(l), word) == 0)
                        layer_off = l;
        if (layer_off == _LAYER_MAX)
                abort(); /* a test of nothing would pass */
        serves_anyway = rest && strncmp(rest, "serve", strlen("serve")) == 0;
}

bool switch_is_off(Layer layer) {
        return layer == layer_off;
}

bool switch_serves_anyway(void) {
        return serves_anyway;
}
