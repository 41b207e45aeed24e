// What ipywidgets leaves out, for the board in which `this` element stands: names of sliders and of a player's buttons,
// the number beside a slider as what a screen reader says (over powers of ten it would say the power), a decimal comma
// read as a point, and names that cannot be typed over.
const board = this.closest('.cnnlab-board');
const tell = () => board.querySelectorAll('.widget-slider, .widget-hslider').forEach(slider => {
    const handle = slider.querySelector('.noUi-handle, .ui-slider-handle');
    if (!handle) return;
    handle.setAttribute('aria-label', slider.querySelector('.widget-label').textContent);
    const readout = slider.querySelector('.widget-readout');
    handle.setAttribute('aria-valuetext', readout.textContent);
    if (slider.matches('.cnnlab-choice') && readout.isContentEditable) readout.contentEditable = 'false';
});
const icons = {'fa-play': 'play or pause', 'fa-pause': 'play or pause', 'fa-stop': 'stop, and back to the start'};
board.querySelectorAll('.widget-play button i').forEach(icon => {
    icon.parentElement.title = icons[[...icon.classList].find(name => name in icons)] ?? '';
});
new MutationObserver(tell).observe(
    board, {subtree: true, childList: true, characterData: true, attributeFilter: ['contenteditable']}
);
const point = event => {
    if (!event.target.matches('.widget-readout') || (event.key && event.key !== 'Enter')) return;
    event.target.textContent = event.target.textContent.replace(',', '.');
};
board.addEventListener('blur', point, true);
board.addEventListener('keydown', point, true);
tell();
