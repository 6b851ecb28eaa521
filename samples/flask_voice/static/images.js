// Images that the user gives: by the button, by pasting, by dropping.

const LONGEST = 1024; // pixels of the longer side: enough to be looked at, little to be sent
const QUALITY = 0.85;

// Return a canvas with the image, and its JPEG as a data URL.
export async function readImage(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const brush = canvas.getContext("2d");
  brush.fillStyle = "white"; // JPEG knows no transparency
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return { canvas, url: canvas.toDataURL("image/jpeg", QUALITY) };
}

// Call `take(file)` for each image that is pasted or dropped on the page, or chosen in `input`.
export function takeImages(input, take) {
  input.addEventListener("change", () => {
    [...input.files].forEach(take);
    input.value = ""; // the same file may be chosen again
  });
  document.addEventListener("paste", ({ clipboardData }) => {
    // Cells of a table come as words, and as a picture of them: the words are meant.
    if (!clipboardData.types.includes("text/plain")) [...clipboardData.files].forEach(take);
  });
  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, (event) => {
      const { types, files } = event.dataTransfer;
      if (!types.includes("Files")) return; // words may be dropped where they are written
      event.preventDefault();
      [...files].forEach(take);
    });
  }
}
