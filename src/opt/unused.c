/* What no output, next, assertion or condition needs is gone: copies that were read through,
 * supports that nobody asked, and what a derivative or a user left lying about. */
#include "opt/opt.h"

const at_cascade *at_opt_unused(at_session *s, const at_cascade *from) {
    return at_needed_only(s, from);
}
