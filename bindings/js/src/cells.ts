// Numbers of guests as the linker takes and gives them, 8 bytes each: wasm_dyld_cell_t.

export function writeCell(cells: DataView, n: number, kind: number, value: number | bigint): void {
  if (kind === 1) cells.setBigInt64(8 * n, value as bigint, true);
  else if (kind === 2) cells.setFloat32(8 * n, value as number, true);
  else if (kind === 3) cells.setFloat64(8 * n, value as number, true);
  else cells.setInt32(8 * n, value as number, true);
}

export function readCell(cells: DataView, n: number, kind: number): number | bigint {
  if (kind === 1) return cells.getBigInt64(8 * n, true);
  if (kind === 2) return cells.getFloat32(8 * n, true);
  if (kind === 3) return cells.getFloat64(8 * n, true);
  return cells.getInt32(8 * n, true);
}
