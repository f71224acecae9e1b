import { expect, test } from "vitest";
import { Pages } from "../src/index.ts";

/** Numbers in pages of two; what was asked for is noted. */
function numbers(count: number) {
  const asked: (string | undefined)[] = [];
  const pages = new Pages<number>(async (name) => {
    asked.push(name);
    const first = Number(name ?? 0);
    const items = [first, first + 1].filter((one) => one < count);
    return { items, next: first + 2 < count ? String(first + 2) : undefined };
  });
  return { pages, asked };
}

test("a list is read to its end, and anew by each loop", async () => {
  const { pages, asked } = numbers(5);
  for (const _ of [1, 2]) {
    const read: number[] = [];
    for await (const one of pages) read.push(one);
    expect(read).toEqual([0, 1, 2, 3, 4]);
  }
  expect(asked).toEqual([undefined, "2", "4", undefined, "2", "4"]);
});

test("a page is asked for only once the one before it was used up", async () => {
  const { pages, asked } = numbers(5);
  for await (const one of pages) if (one === 1) break;
  expect(asked).toEqual([undefined]);
});

test("a single page is asked for by the name that the one before it gives", async () => {
  const { pages } = numbers(3);
  const { next } = await pages.page();
  expect(await pages.page(next)).toEqual({ items: [2], next: undefined });
});

test("what a page is refused with ends the loop", async () => {
  const pages = new Pages<number>(() => Promise.reject(new Error("refused")));
  await expect(async () => {
    for await (const _ of pages) throw new Error("there is nothing");
  }).rejects.toThrow("refused");
});
