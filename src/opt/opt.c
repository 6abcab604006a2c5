/* The rewrites of passes.def, run in the order of its rows. Each is given what the one before made
 * and checks nothing of it: what must hold of a cascade holds between any two (at_ir_verify). */
#include "opt/opt.h"

const at_cascade *at_optimize(at_session *s, const at_cascade *cascade) {
    static const struct {
        const char *name;
        const at_cascade *(*run)(at_session *s, const at_cascade *from);
        bool fuses;
    } rewrites[] = {
#define AT_REWRITE(name, doc) {#name, at_opt_##name, false},
#define AT_FUSION(name, doc) {#name, at_opt_##name, true},
#include "opt/passes.def"
#undef AT_REWRITE
    };
    for (size_t i = 0; i < sizeof rewrites / sizeof *rewrites; i++) {
        if (rewrites[i].fuses && s->choices.unfused) continue;
        s->stage = rewrites[i].name;
        cascade = rewrites[i].run(s, cascade);
    }
    return cascade;
}
