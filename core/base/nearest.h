/* The known word that was probably meant: for misspelled fields, settings and commands. Pure. */
#ifndef TB_BASE_NEAREST_H
#define TB_BASE_NEAREST_H

/* words: NULL-terminated. The one with the fewest edits (letter case counts as none), if these are
 * few for the length of `word`; else NULL. */
const char *tb_nearest(const char *word, const char *const *words);

#endif
