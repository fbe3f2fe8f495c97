#include "cmd/send.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/i18n.h"
#include "cmd/cmd.h"

struct craft_style send_craft_style(const struct send *send)
{
    return (struct craft_style){
        .columns = send->style.columns, .ascii = send->style.ascii, .color = send->style.color};
}

int send_flush(struct send *send)
{
    if (send->out.failed) {
        cmd_fail("send", "out of memory");
        return -ENOMEM;
    }
    int failed = send->out.len > 0 ? cmd_write_stdout(send->out.data, send->out.len) : 0;
    send->out.len = 0;
    return failed;
}

int send_parse(struct send *send, bool names)
{
    struct buf message = {0};
    int failed =
        send_plan_parse(&send->plan, send->texts, send->text_count, names, send->style.columns, &message);
    if (failed != 0)
        fprintf(stderr, "sockdiag send: %s", message.failed ? _("out of memory\n") : buf_cstr(&message));
    buf_free(&message);
    return failed == 0 ? CMD_OK : CMD_ERROR;
}

int cmd_send(int argc, char **argv)
{
    struct send send = {.options = {.count = 1, .rate = SEND_POLITE, .seed = UINT64_MAX}};
    struct send_options *o = &send.options;
    struct sd_err err = {0};
    int first = 0;
    if (send_options_parse(o, argc, argv, &first, &err) != 0)
        return cmd_usage("send", err.text);
    if (o->common.help)
        return CMD_OK;
    signal(SIGPIPE, SIG_IGN);
    send.style = screen_style(&o->screen, &o->common);
    if (o->layers) {
        const int listed = send_layers(&send);
        buf_free(&send.out);
        return listed;
    }
    send.texts = argv + first;
    send.text_count = (size_t)(argc - first);
    send.plan.raw = o->raw;
    send.plan.link = o->link;
    send.plan.interface = o->interface;
    send.plan.seed = o->seed != UINT64_MAX ? o->seed : hash_key_random().k0;
    int status = send_parse(&send, false);
    if (status == CMD_OK)
        status = send_is_dry(o) ? send_dry(&send) : send_run(&send);
    send_plan_free(&send.plan);
    buf_free(&send.out);
    return status;
}
