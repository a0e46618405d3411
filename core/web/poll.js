// Repeated reads that stop while the tab is hidden and slow down when nothing changes or the bridge fails.

// work() returns true when something changed; it may throw. first and most are seconds. Returns { now, stop }.
export function poll(work, { first = 2, most = 10, failed = () => {}, worked = () => {} } = {}) {
  let timer = null, stopped = false, running = false, again = false, wait = first;

  async function turn() {
    timer = null;
    if (stopped || document.hidden) return;
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      const changed = await work();
      if (!stopped) worked();
      wait = changed ? first : Math.min(most, wait * 1.25);
    } catch (error) {
      if (!stopped) failed(error);
      wait = Math.min(Math.max(most, 10), wait * 2);
    }
    running = false;
    if (stopped) return;
    timer = setTimeout(turn, again ? 0 : wait * 1000);
    again = false;
  }

  function now() {
    clearTimeout(timer);
    wait = first;
    turn();
  }
  function seen() {
    if (!document.hidden) now();
  }
  document.addEventListener("visibilitychange", seen);
  now();
  return {
    now,
    stop() {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    },
  };
}
