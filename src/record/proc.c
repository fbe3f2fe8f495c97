#include "record/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int proc_status(pid_t tid, const char *key, int otherwise)
{
    char path[40], line[128];
    size_t len = strlen(key);
    snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    FILE *status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, key, len) == 0 && line[len] == ':') {
            otherwise = (int)strtol(line + len + 1, NULL, 10);
            break;
        }
    }
    if (status != NULL)
        fclose(status);
    return otherwise;
}

/* "0100007F:1F90", or with 32 digits: each 4 bytes of the address as a number of this machine. */
static bool parse_end(const char *text, struct packet_address *address, uint16_t *port)
{
    const char *colon = strchr(text, ':');
    size_t digits = colon != NULL ? (size_t)(colon - text) : 0;
    if (digits != 8 && digits != 32)
        return false;
    *address = (struct packet_address){.family = digits == 8 ? 4 : 6};
    for (size_t i = 0; i < digits / 8; i++) {
        char group[9] = {0};
        memcpy(group, text + i * 8, 8);
        uint32_t number = (uint32_t)strtoul(group, NULL, 16);
        memcpy(address->bytes + i * 4, &number, sizeof number);
    }
    *port = (uint16_t)strtoul(colon + 1, NULL, 16);
    return true;
}

bool proc_net_parse(const char *line, uint64_t inode, struct proc_net_names *out)
{
    char local[48], peer[48];
    unsigned long long found;
    /* sl local remote state queues timer retransmits uid timeout inode */
    if (sscanf(line, " %*[0-9]: %47s %47s %*s %*s %*s %*s %*s %*s %llu", local, peer, &found) != 3 ||
        found != inode || !parse_end(local, &out->local, &out->local_port) ||
        !parse_end(peer, &out->peer, &out->peer_port))
        return false;
    if (out->peer_port == 0)
        out->peer.family = 0;
    return true;
}

bool proc_net_find(pid_t tid, const char *table, uint64_t inode, struct proc_net_names *out)
{
    char path[48], line[512];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/net/%s", (int)tid, table);
    FILE *file = fopen(path, "re");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
        found = proc_net_parse(line, inode, out);
    if (file != NULL)
        fclose(file);
    return found;
}
