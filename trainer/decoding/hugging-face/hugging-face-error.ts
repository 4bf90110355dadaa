// A folder in the Hugging Face layout that cannot be used; the message names the file, the field and what to do.

export class HuggingFaceError extends Error {
  override name = "HuggingFaceError";
}
