/** A file to write: its path below the output folder, and its text. */
export interface EmittedFile {
  path: string;
  text: string;
}
