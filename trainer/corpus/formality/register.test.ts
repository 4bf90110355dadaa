import { expect, test } from "vitest";
import { registerOf } from "./register.ts";

test.each([
  ["Kannst du mir deinen Stift leihen?", "informal"],
  ["Habt ihr euch gefreut?", "informal"],
  ["Dein Zug ist weg.", "informal"],
  ["Können Sie mir helfen?", "formal"],
  ["Ich danke Ihnen für Ihre Geduld.", "formal"],
  ["Bitte setzen Sie sich!", "formal"],
  ["Sie kommt morgen.", undefined],
  ["Ihr Hund bellt. Sie schläft.", undefined],
  ["Er sagte: „Sie ist da.“", undefined],
  ["Ich habe sie und ihr Haus gesehen.", undefined],
  ["Haben Sie gehört, was du gesagt hast?", undefined],
  ["Duden und Euter", undefined],
])("German: %s", (text, register) => {
  expect(registerOf(text, "de")).toBe(register);
});

test.each([
  ["Est-ce que tu viens ?", "informal"],
  ["Où vas-tu ?", "informal"],
  ["Je t'aime.", "informal"],
  ["Pouvez-vous m'aider ?", "formal"],
  ["Votre train est parti.", "formal"],
  ["Il est parti.", undefined],
  ["Merci pour ta lettre et ton aide.", "informal"],
  ["Il a pris un ton froid.", undefined],
  ["Tu crois que vous venez ?", undefined],
  ["Il l'a tuée avec une statue.", undefined],
])("French: %s", (text, register) => {
  expect(registerOf(text, "fr")).toBe(register);
});

test("a text that is known to speak to somebody may begin with Sie", () => {
  expect(registerOf("Sie haben recht.", "de", { addressed: true })).toBe("formal");
  expect(registerOf("Ihr habt recht.", "de", { addressed: true })).toBeUndefined();
  expect(registerOf("Das ist sie.", "de", { addressed: true })).toBeUndefined();
});

test("other languages have no rules", () => {
  expect(registerOf("Puoi venire tu?", "it")).toBeUndefined();
});
