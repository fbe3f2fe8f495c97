#include "base/missing.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "base/i18n.h"

int missing_net_raw(struct sd_err *err, const char *doing, const char *in_lab)
{
    return sd_fail(err, EPERM,
                   "%s needs CAP_NET_RAW: use sudo; or once 'sudo setcap cap_net_raw+ep …/sockdiag' (make "
                   "install-setcap); or %s",
                   _(doing), _(in_lab));
}

int missing_interface(struct sd_err *err, const char *name)
{
    struct if_nameindex *all = if_nameindex();
    char list[256] = "";
    size_t at = 0;
    for (const struct if_nameindex *i = all; i != NULL && i->if_name != NULL; i++) {
        int n = snprintf(list + at, sizeof list - at, "%s%s", at == 0 ? "" : ", ", i->if_name);
        if (n < 0 || (size_t)n >= sizeof list - at)
            break;
        at += (size_t)n;
    }
    list[at] = '\0';
    if (all != NULL)
        if_freenameindex(all);
    return sd_fail(err, ENODEV, "there is no interface '%s'; there are: %s", name, at > 0 ? list : _("none"));
}
