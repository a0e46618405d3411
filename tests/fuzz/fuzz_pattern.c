/* Fuzzes patterns: what our bounded matcher answers is what Lua's own library answers. */
#include "../pattern_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pattern_oracle oracle;
    if (!oracle.ours)
        pattern_open(&oracle);
    if (!pattern_same(&oracle, data, size))
        abort();
    return 0;
}
