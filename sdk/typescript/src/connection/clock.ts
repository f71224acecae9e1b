/**
 * A clock in milliseconds that never goes back and goes on while the machine sleeps: that of
 * `performance` stands still then in some browsers, and `Date` may be set at any time.
 */
export function startClock(): () => number {
  let now = 0;
  let steady = performance.now();
  let wall = Date.now();
  return () => {
    const [nextSteady, nextWall] = [performance.now(), Date.now()];
    now += Math.max(nextSteady - steady, nextWall - wall, 0);
    steady = nextSteady;
    wall = nextWall;
    return now;
  };
}
