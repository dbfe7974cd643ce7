//! Where the boxes and lines of a picture go: layers from top to bottom, what needs above what is needed (Sugiyama's method).

use std::collections::{HashSet, VecDeque};

/// Between boxes of a layer, and between layers.
const GAP_X: f64 = 28.0;
const GAP_Y: f64 = 56.0;
/// Width kept free for a line that passes a layer.
const LINE: f64 = 14.0;
/// More than this many points where lines pass layers, and they are drawn straight: nobody could follow them anyway.
const MAX_PASSING: usize = 4_000;
/// Rounds of ordering and of straightening; more change nothing that one could see.
const ROUNDS: usize = 12;

pub struct Size {
    pub width: f64,
    pub height: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

pub struct Line {
    pub from: usize,
    pub to: usize,
    /// From the lower edge of one box to the upper edge of the other; for a line that closes a circle the other way round.
    pub points: Vec<Point>,
    /// It closes a circle: it leads upwards.
    pub back: bool,
    /// There is a longer way as well.
    pub shortcut: bool,
}

pub struct Picture {
    pub size: Size,
    /// Centres of the boxes.
    pub boxes: Vec<Point>,
    pub lines: Vec<Line>,
}

/// `edges[n]`: where lines from box n lead.
pub fn picture(sizes: &[Size], edges: &[Vec<usize>]) -> Picture {
    let mut graph = Layers::new(sizes, edges);
    graph.order();
    graph.place(sizes)
}

/// A box, or a point where a line passes a layer.
struct Item {
    width: f64,
    layer: usize,
    above: Vec<usize>,
    below: Vec<usize>,
    x: f64,
}

struct Layers {
    items: Vec<Item>,
    layers: Vec<Vec<usize>>,
    /// Each edge with the items that it passes, from the upper end to the lower.
    chains: Vec<Chain>,
}

struct Chain {
    from: usize,
    to: usize,
    back: bool,
    items: Vec<usize>,
}

impl Layers {
    fn new(sizes: &[Size], edges: &[Vec<usize>]) -> Layers {
        let downward = without_circles(edges);
        let layer = layering(sizes.len(), &downward);
        let mut items: Vec<Item> = sizes
            .iter()
            .zip(&layer)
            .map(|(size, &layer)| Item {
                width: size.width,
                layer,
                above: Vec::new(),
                below: Vec::new(),
                x: 0.0,
            })
            .collect();
        let span = |&(upper, lower, _): &(usize, usize, bool)| layer[lower] - layer[upper];
        let passing: usize = downward.iter().map(|e| span(e).saturating_sub(1)).sum();
        let mut chains = Vec::new();
        for edge in &downward {
            let &(upper, lower, back) = edge;
            let mut chain = vec![upper];
            if passing <= MAX_PASSING {
                for layer in layer[upper] + 1..layer[lower] {
                    chain.push(items.len());
                    items.push(Item {
                        width: LINE,
                        layer,
                        above: Vec::new(),
                        below: Vec::new(),
                        x: 0.0,
                    });
                }
            }
            chain.push(lower);
            for pair in chain.windows(2) {
                items[pair[0]].below.push(pair[1]);
                items[pair[1]].above.push(pair[0]);
            }
            let (from, to) = if back { (lower, upper) } else { (upper, lower) };
            chains.push(Chain {
                from,
                to,
                back,
                items: chain,
            });
        }
        let depth = layer.iter().max().map_or(0, |max| max + 1);
        let mut layers = vec![Vec::new(); depth];
        for (n, item) in items.iter().enumerate() {
            layers[item.layer].push(n);
        }
        Layers {
            items,
            layers,
            chains,
        }
    }

    /// Orders each layer so that few lines cross.
    fn order(&mut self) {
        let mut best = self.layers.clone();
        let mut fewest = self.crossings();
        for round in 0..ROUNDS {
            let down = round % 2 == 0;
            let count = self.layers.len();
            for step in 1..count {
                let layer = if down { step } else { count - 1 - step };
                let beside = if down { layer - 1 } else { layer + 1 };
                let mut position = vec![0.0; self.items.len()];
                for (n, &item) in self.layers[beside].iter().enumerate() {
                    position[item] = n as f64;
                }
                let mut keyed: Vec<(f64, usize)> = self.layers[layer]
                    .iter()
                    .enumerate()
                    .map(|(n, &item)| {
                        let item_of = &self.items[item];
                        let next = if down { &item_of.above } else { &item_of.below };
                        let next = next.iter().filter(|&&i| self.items[i].layer == beside);
                        let next: Vec<f64> = next.map(|&i| position[i]).collect();
                        (mean(&next).unwrap_or(n as f64), item)
                    })
                    .collect();
                keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.layers[layer] = keyed.into_iter().map(|(_, item)| item).collect();
            }
            let crossings = self.crossings();
            if crossings < fewest {
                fewest = crossings;
                best.clone_from(&self.layers);
            }
        }
        self.layers = best;
    }

    fn crossings(&self) -> usize {
        let mut position = vec![0; self.items.len()];
        for layer in &self.layers {
            for (n, &item) in layer.iter().enumerate() {
                position[item] = n;
            }
        }
        let lower = |layer: &[usize]| -> Vec<usize> {
            layer
                .iter()
                .flat_map(|&item| {
                    let mut ends: Vec<usize> = self.items[item]
                        .below
                        .iter()
                        .map(|&i| position[i])
                        .collect();
                    ends.sort_unstable();
                    ends
                })
                .collect()
        };
        self.layers
            .iter()
            .map(|layer| inversions(lower(layer)))
            .sum()
    }

    fn place(mut self, sizes: &[Size]) -> Picture {
        for layer in &self.layers {
            let mut x = 0.0;
            for &item in layer {
                let width = self.items[item].width;
                self.items[item].x = x + width / 2.0;
                x += width + GAP_X;
            }
        }
        for round in 0..2 * ROUNDS {
            let down = round % 2 == 0;
            let count = self.layers.len();
            for step in 0..count {
                let layer = if down { step } else { count - 1 - step };
                self.straighten(layer);
            }
        }
        let left = |item: &Item| item.x - item.width / 2.0;
        let min = self.items.iter().map(left).fold(f64::INFINITY, f64::min);
        let min = if min.is_finite() { min } else { 0.0 };
        for item in &mut self.items {
            item.x -= min;
        }
        let right = |item: &Item| item.x + item.width / 2.0;
        let width = self.items.iter().map(right).fold(0.0, f64::max);
        let mut y = 0.0;
        let mut tops = Vec::new();
        for layer in &self.layers {
            let heights = layer.iter().filter_map(|&item| sizes.get(item));
            let height = heights.map(|size| size.height).fold(0.0, f64::max);
            tops.push((y, height));
            y += height + GAP_Y;
        }
        let centre = |item: usize| {
            let (top, height) = tops[self.items[item].layer];
            Point {
                x: self.items[item].x,
                y: top + height / 2.0,
            }
        };
        let shortcut = shortcuts(sizes.len(), &self.chains);
        let lines = self.chains.iter().map(|chain| {
            let mut points: Vec<Point> = chain.items.iter().map(|&item| centre(item)).collect();
            let half = |item: usize| sizes.get(item).map_or(0.0, |size| size.height / 2.0);
            if let Some(first) = points.first_mut() {
                first.y += half(chain.items[0]);
            }
            if let (Some(last), Some(&item)) = (points.last_mut(), chain.items.last()) {
                last.y -= half(item);
            }
            Line {
                from: chain.from,
                to: chain.to,
                points,
                back: chain.back,
                shortcut: shortcut.contains(&(chain.from, chain.to)),
            }
        });
        Picture {
            size: Size {
                width,
                height: (y - GAP_Y).max(0.0),
            },
            boxes: (0..sizes.len()).map(centre).collect(),
            lines: lines.collect(),
        }
    }

    /// Moves each item of a layer towards what it is joined with, as far as the others let it: least squares under minimal
    /// distances, by pooling neighbours that would overlap.
    fn straighten(&mut self, layer: usize) {
        struct Pool {
            /// Sum of where its items want to be, less their offsets.
            sum: f64,
            count: f64,
            items: usize,
        }
        let layer = &self.layers[layer];
        let mut offset = 0.0;
        let mut offsets = Vec::with_capacity(layer.len());
        let mut pools: Vec<Pool> = Vec::new();
        for (n, &item) in layer.iter().enumerate() {
            if n > 0 {
                let before = self.items[layer[n - 1]].width;
                offset += (before + self.items[item].width) / 2.0 + GAP_X;
            }
            offsets.push(offset);
            let joined = self.items[item].above.iter().chain(&self.items[item].below);
            let joined: Vec<f64> = joined.map(|&i| self.items[i].x).collect();
            let wish = mean(&joined).unwrap_or(self.items[item].x);
            let mut pool = Pool {
                sum: wish - offset,
                count: 1.0,
                items: 1,
            };
            while let Some(last) =
                pools.pop_if(|last| last.sum / last.count > pool.sum / pool.count)
            {
                pool.sum += last.sum;
                pool.count += last.count;
                pool.items += last.items;
            }
            pools.push(pool);
        }
        let places = pools
            .iter()
            .flat_map(|pool| std::iter::repeat_n(pool.sum / pool.count, pool.items));
        for ((&item, offset), place) in self.layers[layer_of(layer, &self.items)]
            .iter()
            .zip(offsets)
            .zip(places)
        {
            self.items[item].x = place + offset;
        }
    }
}

fn layer_of(layer: &[usize], items: &[Item]) -> usize {
    layer.first().map_or(0, |&item| items[item].layer)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Every edge as (upper, lower, whether it was turned round). Edges to the box itself are left out.
fn without_circles(edges: &[Vec<usize>]) -> Vec<(usize, usize, bool)> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Open,
        Done,
    }
    let mut seen = vec![Seen::No; edges.len()];
    let mut downward = Vec::new();
    for start in 0..edges.len() {
        if seen[start] != Seen::No {
            continue;
        }
        seen[start] = Seen::Open;
        let mut open = vec![(start, edges[start].iter())];
        while let Some((at, next)) = open.last_mut() {
            let at = *at;
            match next.next() {
                Some(&to) if to == at => {}
                Some(&to) => {
                    let back = seen[to] == Seen::Open;
                    downward.push(if back {
                        (to, at, true)
                    } else {
                        (at, to, false)
                    });
                    if seen[to] == Seen::No {
                        seen[to] = Seen::Open;
                        open.push((to, edges[to].iter()));
                    }
                }
                None => {
                    seen[at] = Seen::Done;
                    open.pop();
                }
            }
        }
    }
    downward
}

/// The layer of each box: one below the lowest that needs it.
fn layering(count: usize, edges: &[(usize, usize, bool)]) -> Vec<usize> {
    let mut above = vec![0usize; count];
    let mut below = vec![Vec::new(); count];
    for &(upper, lower, _) in edges {
        above[lower] += 1;
        below[upper].push(lower);
    }
    let mut layer = vec![0; count];
    let mut ready: VecDeque<usize> = (0..count).filter(|&n| above[n] == 0).collect();
    while let Some(n) = ready.pop_front() {
        for &lower in &below[n] {
            layer[lower] = layer[lower].max(layer[n] + 1);
            above[lower] -= 1;
            if above[lower] == 0 {
                ready.push_back(lower);
            }
        }
    }
    layer
}

/// Edges for which there is a longer way too.
fn shortcuts(count: usize, chains: &[Chain]) -> HashSet<(usize, usize)> {
    // With more edges than this the picture is not read one by one.
    const MAX: usize = 2_000;
    let mut found = HashSet::new();
    if chains.len() > MAX {
        return found;
    }
    let mut edges = vec![Vec::new(); count];
    for chain in chains.iter().filter(|chain| !chain.back) {
        edges[chain.from].push(chain.to);
    }
    for (from, ends) in edges.iter().enumerate() {
        for &to in ends {
            let mut reached = vec![false; count];
            let others = ends.iter().filter(|&&end| end != to);
            let mut queue: VecDeque<usize> = others.copied().collect();
            while let Some(at) = queue.pop_front() {
                if at == to {
                    found.insert((from, to));
                    break;
                }
                if !std::mem::replace(&mut reached[at], true) {
                    queue.extend(&edges[at]);
                }
            }
        }
    }
    found
}

/// How many pairs stand in the wrong order.
fn inversions(mut values: Vec<usize>) -> usize {
    let mut count = 0;
    let mut width = 1;
    while width < values.len() {
        let mut merged = Vec::with_capacity(values.len());
        for run in values.chunks(2 * width) {
            let (mut a, mut b) = run.split_at(width.min(run.len()));
            while let ([x, more_a @ ..], [y, more_b @ ..]) = (a, b) {
                if y < x {
                    count += a.len();
                    merged.push(*y);
                    b = more_b;
                } else {
                    merged.push(*x);
                    a = more_a;
                }
            }
            merged.extend_from_slice(a);
            merged.extend_from_slice(b);
        }
        values = merged;
        width *= 2;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(count: usize) -> Vec<Size> {
        (0..count)
            .map(|_| Size {
                width: 100.0,
                height: 40.0,
            })
            .collect()
    }

    #[test]
    fn inversions_are_counted() {
        assert_eq!(inversions(vec![]), 0);
        assert_eq!(inversions(vec![0, 1, 1, 2]), 0);
        assert_eq!(inversions(vec![3, 1, 2]), 2);
        assert_eq!(inversions(vec![4, 3, 2, 1, 0]), 10);
    }

    #[test]
    fn boxes_of_a_layer_do_not_overlap_and_lines_lead_down() {
        // 1 -> 6 -> 7 -> 1 is a circle, so that 0 -> 1 is no shortcut; 0 -> 6 passes a layer.
        let edges = vec![
            vec![1, 2, 3, 4, 5, 6],
            vec![6],
            vec![6],
            vec![6],
            vec![6],
            vec![6],
            vec![7],
            vec![1],
        ];
        let picture = picture(&boxes(8), &edges);
        for (a, one) in picture.boxes.iter().enumerate() {
            for other in &picture.boxes[a + 1..] {
                assert!(one.y != other.y || (one.x - other.x).abs() >= 100.0 + GAP_X - 1e-6);
            }
        }
        assert_eq!(picture.lines.len(), 13);
        for line in &picture.lines {
            assert!(line.points.is_sorted_by(|a, b| a.y < b.y));
            assert_eq!(line.back, (line.from, line.to) == (7, 1));
            assert_eq!(line.shortcut, (line.from, line.to) == (0, 6));
        }
        let direct = picture.lines.iter().find(|l| (l.from, l.to) == (0, 6));
        assert_eq!(direct.unwrap().points.len(), 3);
    }

    #[test]
    fn deep_and_wide_graphs_end() {
        let count = 2_000;
        let edges: Vec<Vec<usize>> = (0..count)
            .map(|n| match n + 1 < count {
                true => vec![n + 1, count - 1],
                false => vec![0, n],
            })
            .collect();
        let picture = picture(&boxes(count), &edges);
        assert_eq!(picture.boxes.len(), count);
    }
}
