/* The container engine and the folders of the API: containers, instance folders, archives, images.
 * Called with the world's mutex held. */
#ifndef TB_SIMULATOR_ENGINE_H
#define TB_SIMULATOR_ENGINE_H

#include "simulator/world.h"

#define SIM_STOP_GRACE_MS 10050

/* Starts the process of a container; nothing is copied, it reads its instance folder as it is. */
void sim_engine_start(struct sim_world *w, struct sim_container *c);
/* The process is gone (SIGKILL after the grace time, or by itself). */
void sim_engine_exited(struct sim_world *w, struct sim_container *c, int exit_code);
/* Background work of stop-and-archive: before and after the frozen docker stop. */
void sim_engine_archive_stop(struct sim_world *w, const char *name);
void sim_engine_archive_finish(struct sim_world *w, const char *name);
/* The engine makes a container although its client has given up. */
void sim_engine_created_late(struct sim_world *w, const char *name);
/* Copies what a deploy copies; script_config "" copies none. */
void sim_engine_copy(struct sim_world *w, const char *name, const char *script_config);

#endif
