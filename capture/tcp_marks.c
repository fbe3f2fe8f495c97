#include "capture/tcp_marks.h"

#include <string.h>

#include "base/i18n.h"

const struct tcp_mark_row tcp_mark_rows[TCP_MARK_COUNT] = {
    [TCP_MARK_RETRANSMISSION] =
        {"retransmission", N_("bytes sent again, without that the other side had asked for them: a timeout")},
    [TCP_MARK_FAST_RETRANSMISSION] =
        {"fast_retransmission",
         N_("bytes sent again right after duplicate or selective acknowledgements asked for them")},
    [TCP_MARK_SPURIOUS_RETRANSMISSION] = {"spurious_retransmission",
                                          N_("bytes sent again although all of them had been acknowledged")},
    [TCP_MARK_OUT_OF_ORDER] = {"out_of_order",
                               N_("sent before a segment that was captured before it: overtaken on the way")},
    [TCP_MARK_LIKELY] =
        {"likely", N_("whether it is out of order, sent again or captured twice is not proved, only likely")},
    [TCP_MARK_CAPTURED_TWICE] =
        {"captured_twice", N_("the same packet again: captured at two places, or doubled by the network")},
    [TCP_MARK_LOST_BEFORE] = {"lost_before", N_("bytes before it were not captured until then")},
    [TCP_MARK_ACKED_UNSEEN] =
        {"acked_unseen",
         N_("acknowledges bytes that were not captured: the capture lost them, not the network")},
    [TCP_MARK_DUPLICATE_ACK] =
        {"duplicate_ack", N_("acknowledges the same byte again: something came, but not what comes next")},
    [TCP_MARK_DSACK] = {"dsack", N_("reports that bytes came twice (RFC 2883)")},
    [TCP_MARK_KEEP_ALIVE] = {"keep_alive", N_("repeats the last byte, or none, only to be answered")},
    [TCP_MARK_KEEP_ALIVE_ACK] = {"keep_alive_ack", N_("the answer to a keep-alive")},
    [TCP_MARK_ZERO_WINDOW] = {"zero_window", N_("the sender's receive buffer is full")},
    [TCP_MARK_ZERO_WINDOW_PROBE] = {"zero_window_probe", N_("asks whether there is room again")},
    [TCP_MARK_ZERO_WINDOW_PROBE_ACK] = {"zero_window_probe_ack", N_("answers such a question: no room")},
    [TCP_MARK_WINDOW_FULL] = {"window_full", N_("uses up the window that the other side offers")},
    [TCP_MARK_WINDOW_UPDATE] = {"window_update", N_("only offers a larger window")},
    [TCP_MARK_BEYOND_WINDOW] = {"beyond_window", N_("carries bytes that the other side never had room for")},
    [TCP_MARK_SYN_REPEATED] = {"syn_repeated", N_("the same SYN or SYN-ACK again")},
    [TCP_MARK_FIN_REPEATED] = {"fin_repeated", N_("the same FIN again")},
    [TCP_MARK_DATA_IN_SYN] = {"data_in_syn", N_("a SYN that carries data (TCP Fast Open)")},
    [TCP_MARK_AFTER_FIN] = {"after_fin", N_("data behind the end that a FIN has set")},
    [TCP_MARK_DATA_ON_RST] = {"data_on_rst", N_("a reset with a payload, which is no data of the stream")},
    [TCP_MARK_URGENT] = {"urgent", N_("has an urgent pointer")},
    [TCP_MARK_OFFLOADED] =
        {"offloaded",
         N_("longer than the MSS: captured before the network card cut it, or after it joined it")},
    [TCP_MARK_CONFLICT] = {"conflict", N_("other bytes than those that came before for the same place")},
    [TCP_MARK_BAD_CHECKSUM] = {"bad_checksum", N_("a wrong checksum: its receiver drops it")},
};

enum tcp_mark tcp_mark_find(const char *name)
{
    enum tcp_mark mark = 0;
    while (mark < TCP_MARK_COUNT && strcmp(tcp_mark_rows[mark].name, name) != 0)
        mark++;
    return mark;
}
