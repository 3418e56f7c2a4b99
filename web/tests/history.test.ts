import { expect, test, vi } from "vitest";
import { History } from "../src/history";

test("steps are undone and done again", () => {
  const history = new History(0);
  history.push(1);
  history.push(2);
  history.undo();
  expect(history.present).toBe(1);
  history.undo();
  history.undo(); // nothing is left: nothing happens
  expect(history.present).toBe(0);
  expect([history.canUndo, history.canRedo]).toEqual([false, true]);
  history.redo();
  history.redo();
  expect(history.present).toBe(2);
});

test("a new step ends what could be done again", () => {
  const history = new History(0);
  history.push(1);
  history.undo();
  history.push(5);
  history.redo();
  expect(history.present).toBe(5);
});

test("a gesture is one step, and its like after another step is a second", () => {
  const history = new History(0);
  for (const value of [1, 2, 3]) history.push(value, "slider");
  history.push(10);
  for (const value of [11, 12]) history.push(value, "slider");
  history.undo();
  expect(history.present).toBe(10);
  history.undo();
  expect(history.present).toBe(3);
  history.undo();
  expect(history.present).toBe(0);
});

test("after an undo the same gesture begins anew", () => {
  const history = new History(0);
  history.push(1, "slider");
  history.undo();
  history.push(2, "slider");
  history.undo();
  expect(history.present).toBe(0);
});

test("what has come to be known changes past and future, too, and is no step", () => {
  const history = new History(0);
  history.push(1);
  history.push(2);
  history.undo();
  history.amend((value) => value * 10);
  expect(history.present).toBe(10);
  history.redo();
  expect(history.present).toBe(20);
  history.replace(21);
  history.undo();
  expect(history.present).toBe(10);
});

test("listeners hear of every change", () => {
  const history = new History("a");
  const heard = vi.fn();
  history.subscribe(heard);
  history.push("b");
  history.undo();
  history.amend((text) => text.toUpperCase());
  expect(heard.mock.calls).toEqual([["b"], ["a"], ["A"]]);
});
