import { type Browser, chromium } from "playwright-core";
import { findChromium } from "./chromium-binary.js";

/** @throws Error that says what to install if there is no Chromium. */
export function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined)
    throw new Error("this test needs Chromium or Chrome on the PATH; Debian, Ubuntu: sudo apt-get install chromium");
  return chromium.launch({ executablePath });
}
